"""The recorder's rate beside a bare stomp.py consumer of the same messages, and a burst through
which the database is killed: every message once.
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime
from statistics import median
from typing import Any
from uuid import uuid4

import requests
import stomp

from benchmarks.outcome import finish
from benchmarks.runs import WITHOUT_AGENTS
from benchmarks.usage import Meter, metered
from swf_common.broker.model import Broker
from swf_common.broker.publisher import Publisher
from swf_common.protocol.destinations import EPICTOPIC, RECORDER, consumer_queue
from swf_common.protocol.messages import StfReady
from swf_common.protocol.states import DaqState, DaqSubstate
from testbed.engine.docker_containers import connect
from testbed.integration import TestbedStack

MESSAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
COMPARISONS = 5
PREFETCH = 2_000
ACK_EVERY = 100  # as the recorder: the broker looks for more messages at an acknowledgement


def main() -> None:
    with TestbedStack(
        files=("compose.yaml", "compose.debug.yaml"),
        overrides=WITHOUT_AGENTS,
    ) as stack:
        bench = RecorderBench(stack)
        ratios = [bench.compare() for _ in range(COMPARISONS)]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"ratios: {shown}; median {median(ratios):.2f}")
        assert bench.meter is not None
        usage = bench.meter.show("the recorder's turn", "message", MESSAGES)
        wrong = bench.burst_with_a_killed_database()
    finish("recorder", {"ratio": median(ratios), "wrong": wrong}, {"recording": usage})


class RecorderBench:
    """Sends bursts to a stack and counts what comes of them."""

    def __init__(self, stack: TestbedStack) -> None:
        self.stack = stack
        self._engine = connect()
        self.session = requests.Session()
        self.session.trust_env = False
        token = stack.session.project.secret("token_viewer")
        self.session.headers["Authorization"] = f"Token {token}"
        self.bare_queue = consumer_queue(stack.namespace, "bare", EPICTOPIC)
        self.meter: Meter | None = None
        self.bare(0)  # makes the queue

    def container(self, service: str) -> Any:
        """The container of a service."""
        return self._engine.containers.get(self.stack.container_id(service))

    def broker(self) -> Broker:
        published = self.stack.session.containers.published_port("activemq", 61613)
        assert published is not None
        return Broker(*published, "agent", self.stack.session.project.secret("mq_agent"))

    def send(self, execution: str, first: int = 0, count: int = MESSAGES) -> list[str]:
        """Send a burst; the ids."""
        publisher = Publisher(self.broker(), "sender", window=2_000)
        publisher.start()
        ids = []
        for number in range(first, first + count):
            one = message(self.stack.namespace, execution, number)
            ids.append(str(one.message_id))
            publisher.publish(EPICTOPIC, one)
        assert publisher.flush(120), "the broker did not confirm all"
        publisher.stop()
        return ids

    def bare(self, count: int) -> float:
        """Seconds in which a bare consumer takes `count` messages."""
        at = self.broker()
        connection = stomp.Connection12([(at.host, at.port)], heartbeats=(5000, 5000))
        counter = Counter(connection, count)
        connection.set_listener("z-counter", counter)
        started = time.perf_counter()
        connection.connect(at.login, at.password, wait=True)
        connection.subscribe(
            self.bare_queue, id="1", ack="client", headers={"activemq.prefetchSize": str(PREFETCH)}
        )
        if count:
            counter.done.wait(300)
        seconds = time.perf_counter() - started
        time.sleep(0.5)
        connection.disconnect()
        return seconds

    def stored(self) -> int:
        """How many messages the recorder has stored."""
        text = self.session.get(f"{self.stack.monitor_url}/metrics", timeout=20).text
        for line in text.splitlines():
            if line.startswith("testbed_recorder_messages_recorded_total"):
                return int(float(line.split()[1]))
        return 0

    def compare(self) -> float:
        """The recorder's rate over that of a bare consumer, each alone with the same backlog."""
        self.container(RECORDER).stop(timeout=10)
        self.send(f"compare-{uuid4()}")
        bare = MESSAGES / self.bare(MESSAGES)
        before = self.stored()
        with metered(self.stack) as self.meter:
            self.container(RECORDER).start()
            while (first := self.stored()) == before:
                time.sleep(0.02)
            started = time.perf_counter()
            while (now := self.stored()) < before + MESSAGES:
                time.sleep(0.2)
            recorder = (now - first) / (time.perf_counter() - started)
        print(f"bare consumer {bare:.0f}/s, recorder {recorder:.0f}/s: {recorder / bare:.2f}")
        return recorder / bare

    def burst_with_a_killed_database(self) -> int:
        """Kill the database in the middle of a burst; how many messages are missing or twice."""
        execution = f"burst-{uuid4()}"
        ids: list[str] = []
        sender = threading.Thread(target=lambda: ids.extend(self.send(execution)))
        sender.start()
        time.sleep(4)
        database = self.container("postgres")
        database.kill()
        time.sleep(3)
        database.start()
        sender.join()
        started = time.perf_counter()
        rows: list[str] = []
        while len(rows) < MESSAGES and time.perf_counter() - started < 120:
            time.sleep(1)
            rows = self.rows(execution)
        wrong = len(set(ids) ^ set(rows)) + len(rows) - len(set(rows))
        print(f"burst of {len(ids)} with the database killed: {len(rows)} rows, {wrong} wrong")
        return wrong

    def rows(self, execution: str) -> list[str]:
        """The ids of the stored messages of an execution."""
        password = self.stack.session.project.secret("postgres_password")
        query = f"SELECT message_id FROM swf_workflow_messages WHERE execution_id = '{execution}'"
        answer = self.container("postgres").exec_run(
            ["psql", "-h", "127.0.0.1", "-U", "testbed", "-d", "testbed", "-At", "-c", query],
            environment={"PGPASSWORD": password},
        )
        return answer.output.decode().split() if answer.exit_code == 0 else []


class Counter(stomp.ConnectionListener):  # type: ignore[misc]
    """Counts messages and acknowledges every so many."""

    def __init__(self, connection: Any, count: int) -> None:
        self.done = threading.Event()
        self._connection = connection
        self._count = count
        self._seen = 0

    def on_message(self, frame: Any) -> None:
        self._seen += 1
        if self._seen % ACK_EVERY == 0 or self._seen == self._count:
            self._connection.ack(frame.headers["ack"])
        if self._seen == self._count:
            self.done.set()


def message(namespace: str, execution: str, number: int) -> StfReady:
    """A message such as a data agent sends."""
    now = datetime.now(UTC)
    return StfReady(
        namespace=namespace,
        sender="data-agent-bench-0001",
        execution_id=execution,
        run_id="100010",
        state=DaqState.RUN,
        substate=DaqSubstate.PHYSICS,
        simulation_tick=number * 0.5,
        filename=f"swf.100010.{number:06d}.stf",
        sequence=number + 1,
        file_url=f"file:///data/daq/100010/swf.100010.{number:06d}.stf",
        checksum="sha256:" + "0123456789abcdef" * 4,
        size_bytes=64_000,
        tf_count=1000,
        start=now,
        end=now,
        processed_by="data-agent-bench-0001",
    )


if __name__ == "__main__":
    main()
