"""A backlog of large messages: the recorder takes no more than it has room for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from swf_common.broker.connection import BrokerLink
from swf_common.protocol.destinations import EPICTOPIC
from testbed.engine.docker_containers import connect
from tests.rest import Sql
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

LARGE = 1_000_000
MESSAGES = 300


@pytest.fixture
def execution(sql: Sql) -> Iterator[str]:
    """The id of an execution whose messages are removed again: in lists they would be too much."""
    name = f"large-{uuid4()}"
    yield name
    assert sql(f"DELETE FROM swf_workflow_messages WHERE execution_id = '{name}'")[0]


def send(sender: BrokerLink, stack: TestbedStack, execution: str, text: str) -> None:
    body = {
        "msg_type": "announcement",
        "message_id": str(uuid4()),
        "namespace": stack.namespace,
        "sender": "test",
        "execution_id": execution,
        "text": text,
    }
    sender.send(EPICTOPIC, json.dumps(body), {"persistent": "true"})


def peak_memory(container: Any) -> int:
    """Bytes that a container's cgroup held at its most since it was started."""
    files = ("memory.peak", "memory/memory.max_usage_in_bytes")  # version 2, version 1
    answer = container.exec_run(
        ["sh", "-c", "cat " + " ".join(f"/sys/fs/cgroup/{f}" for f in files)]
    )
    return next(int(line) for line in answer.output.split() if line.isdigit())


def test_a_backlog_of_large_messages_is_recorded_without_a_restart(
    stack: TestbedStack, sender: BrokerLink, sql: Sql, execution: str
) -> None:
    recorder: Any = connect().containers.get(stack.container_id("recorder"))
    recorder.stop()
    for _ in range(MESSAGES):
        send(sender, stack, execution, "x" * LARGE)
    recorder.start()

    def recorded() -> int:
        done, output = sql(
            f"SELECT count(*) FROM swf_workflow_messages WHERE execution_id = '{execution}'"
        )
        return int(output) if done else 0

    eventually(lambda: recorded() == MESSAGES, "every large message is recorded", 120)
    recorder.reload()
    assert recorder.attrs["RestartCount"] == 0
    assert not recorder.attrs["State"]["OOMKilled"]
    peak, limit = peak_memory(recorder), recorder.attrs["HostConfig"]["Memory"]
    assert 0 < peak < 0.8 * limit, f"{peak / 1e6:.0f} MB of {limit / 1e6:.0f} MB"
