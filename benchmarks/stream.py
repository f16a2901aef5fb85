"""The live stream: 100 clients that all get 1,000 messages, and how late; and as many open streams
as there may be, beside which everybody else is answered as before.
"""

from __future__ import annotations

import asyncio
import re
import time
from datetime import datetime
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.outcome import finish
from benchmarks.recorder import message
from benchmarks.runs import WITHOUT_AGENTS
from benchmarks.usage import metered
from swf_common.broker.model import Broker
from swf_common.broker.publisher import Publisher
from swf_common.protocol.destinations import EPICTOPIC
from testbed.integration import TestbedStack

CLIENTS = 100
MESSAGES = 1_000
RATE = 200.0
"""Messages a second that are sent."""
MOST_STREAMS = 500
"""What `monitor.live.stream` admits."""
CALLS = 100
CALLERS = 4
"""Of the REST interface at once."""
PATIENCE_S = 10.0
"""Seconds after which a call counts as unanswered."""
SEQUENCE, SENT = re.compile(rb'"sequence":(\d+)'), re.compile(rb'"timestamp":"([^"]+)"')


class Address:
    """Where the stream is, and the key that opens it."""

    def __init__(self, stack: TestbedStack) -> None:
        url = urlsplit(stack.monitor_url)
        self._host, self._port = url.hostname or "127.0.0.1", url.port or 80
        self._token = stack.session.project.secret("token_viewer")

    async def get(
        self, path: str
    ) -> tuple[int, dict[str, str], asyncio.StreamReader, asyncio.StreamWriter]:
        """Ask for something; status, headers and the connection, from which to read the body."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=2**22)
        writer.write(
            f"GET /api/{path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Token {self._token}\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, reader, writer


async def client(
    address: Address, execution: str, ready: asyncio.Semaphore
) -> list[tuple[int, float]]:
    """Read the stream until all messages have come: sequence and delay in seconds of each."""
    _, _, reader, writer = await address.get(f"messages/stream/?execution_id={execution}")
    seen: list[tuple[int, float]] = []
    rest = b""
    while len(seen) < MESSAGES and (piece := await reader.read(2**16)):
        now = time.time()
        *frames, rest = (rest + piece).split(b"\n\n")
        for frame in frames:
            if b"event: connected" in frame:
                ready.release()
            # decoding all of it would make the clients slower than the stream
            elif (number := SEQUENCE.search(frame)) and (sent := SENT.search(frame)):
                moment = datetime.fromisoformat(sent[1].decode()).timestamp()
                seen.append((int(number[1]), now - moment))
    writer.close()
    return seen


async def fan_out(stack: TestbedStack) -> list[list[tuple[int, float]]]:
    """What each of the clients has seen."""
    execution = f"stream-{uuid4()}"
    ready, address = asyncio.Semaphore(0), Address(stack)
    clients = [asyncio.create_task(client(address, execution, ready)) for _ in range(CLIENTS)]
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


async def calls(address: Address) -> list[float]:
    """Seconds that each call of the REST interface took; `inf` where it failed."""
    waits: list[float] = []

    async def caller() -> None:
        for _ in range(CALLS // CALLERS):
            started = time.perf_counter()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    status, headers, reader, writer = await address.get("systemagents/")
                    await reader.readexactly(int(headers["content-length"]))
                writer.close()
            except TimeoutError:
                status = 504
            waits.append(time.perf_counter() - started if status == 200 else float("inf"))

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return sorted(waits)


async def crowd(stack: TestbedStack) -> tuple[list[float], list[float], int]:
    """What calls took without and beside as many streams as there may be, and the status of one
    more stream.
    """
    address = Address(stack)
    alone = await calls(address)
    open_streams = []
    for _ in range(MOST_STREAMS):
        status, _, reader, writer = await address.get("messages/stream/")
        assert status == 200
        await reader.readuntil(b"event: connected\n")
        open_streams.append(writer)
    beside = await calls(address)
    one_more, _, _, writer = await address.get("messages/stream/")
    for one in (*open_streams, writer):
        one.close()
    return alone, beside, one_more


def quantiles(seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile of sorted times, in milliseconds."""
    p50, p99 = (1000 * seconds[int(len(seconds) * share)] for share in (0.5, 0.99))
    return p50, p99


def main() -> None:
    with TestbedStack(
        files=("compose.yaml", "compose.debug.yaml"),
        overrides=WITHOUT_AGENTS,
    ) as stack:
        alone, beside, one_more = asyncio.run(crowd(stack))
        with metered(stack) as meter:
            results = asyncio.run(fan_out(stack))
    for waits, how in ((alone, "alone"), (beside, f"beside {MOST_STREAMS} open streams")):
        p50, p99 = quantiles(waits)
        print(f"{CALLS} REST calls {how}: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    print(f"stream {MOST_STREAMS + 1}: status {one_more}")
    wanted = list(range(1, MESSAGES + 1))
    right = sum([sequence for sequence, _ in seen] == wanted for seen in results)
    p50, p99 = quantiles(sorted(delay for seen in results for _, delay in seen))
    print(f"{right} of {CLIENTS} clients got all of {MESSAGES} messages, each once, in order")
    print(f"sent {RATE:.0f} a second; delay p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    usage = meter.show(f"{CLIENTS} clients", "message", MESSAGES)
    figures = {
        "p99_ms": p99,
        "incomplete": CLIENTS - right,
        "unanswered": beside.count(float("inf")),
        "admitted": int(one_more != 503),
    }
    finish("stream", figures, {"fan-out": usage})


if __name__ == "__main__":
    main()
