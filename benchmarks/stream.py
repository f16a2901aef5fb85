"""The live stream's fan-out: 100 clients that all get 1,000 messages, and how late."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import datetime
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.recorder import message
from testbed.integration import TestbedStack
from testbed.protocol.destinations import EPICTOPIC
from testbed.protocol.link import Broker
from testbed.protocol.publisher import Publisher

CLIENTS = 100
MESSAGES = 1_000
RATE = 200.0
"""Messages a second that are sent."""


async def client(
    address: tuple[str, int], token: str, execution: str, ready: asyncio.Semaphore
) -> list[tuple[int, float]]:
    """Read the stream until all messages have come: sequence and delay in seconds of each."""
    reader, writer = await asyncio.open_connection(*address, limit=2**22)
    writer.write(
        f"GET /api/messages/stream/?execution_id={execution} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Token {token}\r\n\r\n".encode()
    )
    seen: list[tuple[int, float]] = []
    while len(seen) < MESSAGES:
        line = await reader.readline()
        if not line:
            break
        if line.startswith(b"event: connected"):
            ready.release()
        elif line.startswith(b"data: ") and b'"sequence":' in line:
            content = json.loads(line[6:])
            sent = datetime.fromisoformat(content["timestamp"]).timestamp()
            seen.append((content["sequence"], time.time() - sent))
    writer.close()
    return seen


async def fan_out(stack: TestbedStack) -> list[list[tuple[int, float]]]:
    url = urlsplit(stack.monitor_url)
    execution = f"stream-{uuid4()}"
    token = stack.session.project.secret("token_viewer")
    ready = asyncio.Semaphore(0)
    address = (url.hostname or "127.0.0.1", url.port or 80)
    clients = [
        asyncio.create_task(client(address, token, execution, ready)) for _ in range(CLIENTS)
    ]
    for _ in range(CLIENTS):
        await ready.acquire()
    sending = asyncio.create_task(asyncio.to_thread(send, stack, execution))
    async with asyncio.timeout(120):
        results = await asyncio.gather(*clients)
    await sending
    return results


def send(stack: TestbedStack, execution: str) -> None:
    """Send the messages, evenly."""
    published = stack.session.containers.published_port("activemq", 61613)
    assert published is not None
    publisher = Publisher(
        Broker(*published, "agent", stack.session.project.secret("mq_agent")), "sender"
    )
    publisher.start()
    publisher.link.wait_connected(20)
    started = time.perf_counter()
    for number in range(MESSAGES):
        time.sleep(max(0.0, started + number / RATE - time.perf_counter()))
        publisher.publish(EPICTOPIC, message(stack.namespace, execution, number))
    publisher.flush(30)
    publisher.stop()


def main() -> None:
    with TestbedStack(
        files=("compose.yaml", "compose.debug.yaml"),
        overrides=("agents.data.enabled=false", "agents.processing.enabled=false"),
    ) as stack:
        results = asyncio.run(fan_out(stack))
    wanted = list(range(1, MESSAGES + 1))
    right = sum([sequence for sequence, _ in seen] == wanted for seen in results)
    delays = sorted(delay for seen in results for _, delay in seen)
    p50, p99 = (1000 * delays[int(len(delays) * share)] for share in (0.5, 0.99))
    print(f"{right} of {CLIENTS} clients got all of {MESSAGES} messages, each once, in order")
    print(f"sent {RATE:.0f} a second; delay p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    sys.exit(right != CLIENTS)


if __name__ == "__main__":
    main()
