"""Heartbeats accepted a second, and how long each waits: closed loop, over loopback."""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import urlsplit

from benchmarks.outcome import finish
from benchmarks.runs import WITHOUT_AGENTS
from benchmarks.usage import metered
from testbed.integration import TestbedStack

CLIENTS = (16, 32, 64)
SECONDS = 10.0
OPEN_LOOP = (200, 2_000)
"""Agents, and heartbeats a second of all together."""


async def client(
    address: tuple[str, int],
    request: bytes,
    until: float,
    waits: list[float],
    pause_s: float,
    offset_s: float,
) -> int:
    """Send one agent's heartbeats over one connection until a moment; how many were refused.

    :param pause_s: seconds from one heartbeat to the next; 0 = as fast as each is answered
    :param offset_s: seconds after which it begins: agents do not beat in step
    """
    reader, writer = await asyncio.open_connection(*address)
    refused = 0
    due = time.perf_counter() + offset_s
    while (now := time.perf_counter()) < until:
        if pause_s:
            due += pause_s
            await asyncio.sleep(max(0.0, due - now))
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        waits.append(time.perf_counter() - started)
        refused += head[9:11] != b"20"
    writer.close()
    return refused


def request_of(number: int, namespace: str, token: str, host: str) -> bytes:
    """The heartbeat of one agent, as an agent of the testbed sends it."""
    body = json.dumps(
        {
            "instance_name": f"bench-agent-{number:04d}",
            "agent_type": "bench",
            "program": "bench",
            "namespace": namespace,
            "container_id": f"{number:064x}",
            "hostname": "bench",
            "operational_state": "READY",
            "status": "OK",
            "mq_connected": True,
            "description": "connected to the broker",
            "heartbeat_interval": 5.0,
            "metadata": {"handled": number, "queue": 0},
        }
    ).encode()
    head = (
        "POST /api/systemagents/heartbeat/ HTTP/1.1\r\n"
        f"Host: {host}\r\nAuthorization: Token {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def load(
    url: str, namespace: str, token: str, clients: int, rate: float = 0
) -> tuple[float, list[float], int]:
    """Rate, waits in seconds (sorted) and refusals of so many agents at once.

    :param rate: heartbeats a second of all together; 0 = as fast as each is answered
    """
    host = urlsplit(url)
    address = (host.hostname or "127.0.0.1", host.port or 80)
    waits: list[float] = []
    started = time.perf_counter()
    refused = await asyncio.gather(
        *(
            client(
                address,
                request_of(number, namespace, token, "localhost"),
                started + SECONDS,
                waits,
                clients / rate if rate else 0,
                number / rate if rate else 0,
            )
            for number in range(clients)
        )
    )
    return len(waits) / (time.perf_counter() - started), sorted(waits), sum(refused)


def main() -> None:
    rates, usage, refusals = [], {}, 0
    with TestbedStack(overrides=WITHOUT_AGENTS) as stack:
        token = stack.session.project.secret("token_agent")

        def beat(clients: int, wanted: float = 0) -> tuple[float, list[float], int]:
            address = (stack.monitor_url, stack.namespace, token)
            return asyncio.run(load(*address, clients, wanted))

        beat(CLIENTS[0])  # warms up
        for clients, wanted in [*((number, 0) for number in CLIENTS), OPEN_LOOP]:
            with metered(stack) as meter:
                rate, waits, refused = beat(clients, wanted)
            refusals += refused
            p50, p99 = (1000 * waits[int(len(waits) * share)] for share in (0.5, 0.99))
            how = f"{clients} agents {f'at {wanted}/s' if wanted else 'as fast as answered'}"
            print(f"{how}: {rate:.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {refused} refused")
            usage[how] = meter.show(how, "heartbeat", len(waits))
            rates.append(rate)
    figures = {"per_s": max(rates[:-1]), "p99_ms": p99, "refused": refusals}
    finish("heartbeats", figures, usage)


if __name__ == "__main__":
    main()
