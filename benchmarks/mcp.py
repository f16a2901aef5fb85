"""MCP with a million messages behind it: how long a call of a tool that reads takes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.million import fill
from benchmarks.outcome import finish
from benchmarks.runs import WITHOUT_AGENTS
from benchmarks.usage import metered
from testbed.integration import TestbedStack
from tests.mcp_client import McpClient

CALLS = 200
WARM_UP = 20
NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "the system's state": ("get_system_state", {}),
    "agents": ("list_agents", {"status": "all"}),
    "messages of the last hour": ("list_messages", {}),
    "50 messages of one execution": (
        "list_messages",
        {"execution_id": "bench-77", "start_time": "2020-01-01", "limit": 50},
    ),
    "a type, of all time": (
        "list_messages",
        {"message_type": "slice", "start_time": "2020-01-01", "limit": 50},
    ),
    "log records": ("list_logs", {"level": "INFO", "limit": 50}),
    "a text in the log": ("list_logs", {"search": "connect", "limit": 50}),
    "a namespace": ("get_namespace", {"namespace": "bench", "start_time": "2020-01-01"}),
}


async def measure(client: McpClient) -> dict[str, float]:
    """The 95th percentile of each call, in milliseconds, over one connection of the SDK."""
    percentiles = {}
    async with client.connected() as connection:
        for name, (tool, arguments) in NAMED.items():
            waits = []
            for _ in range(WARM_UP):
                await connection.call_tool(tool, arguments)
            for _ in range(CALLS):
                started = time.perf_counter()
                answer = await connection.call_tool(tool, arguments)
                waits.append(time.perf_counter() - started)
                assert not answer.is_error, answer.content
            p50, p95 = (1000 * sorted(waits)[int(share * CALLS)] for share in (0.5, 0.95))
            percentiles[name] = p95
            print(f"{name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    return percentiles


def main() -> None:
    with TestbedStack(overrides=WITHOUT_AGENTS) as stack:
        fill(stack)
        key = stack.session.project.secret("token_viewer")
        with metered(stack) as meter:
            measured = asyncio.run(measure(McpClient(lambda: stack.monitor_url, key)))
    usage = meter.show("tools", "call", (WARM_UP + CALLS) * len(NAMED))
    finish("mcp", {"call_p95_ms": max(measured.values())}, {"calls": usage})


if __name__ == "__main__":
    main()
