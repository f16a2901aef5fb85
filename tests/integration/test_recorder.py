"""The recorder on a real broker and database: what arrives is stored once, whatever it is."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from monitor.control.commands import ANSWER_TIMEOUT_S
from swf_common.broker.connection import BrokerLink
from swf_common.protocol.destinations import EPICTOPIC, SLICES
from testbed.engine.docker_containers import connect
from tests.integration.test_rest_records import make_run
from tests.integration.test_slice_results import new_execution
from tests.rest import Api, Sql
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack


def message(stack: TestbedStack, **fields: Any) -> dict[str, Any]:
    return {
        "msg_type": "announcement",
        "message_id": str(uuid4()),
        "namespace": stack.namespace,
        "sender": "test",
        "timestamp": "2026-01-01T00:00:00",
        **fields,
    }


def send(sender: BrokerLink, body: object, topic: str = EPICTOPIC) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    sender.send(topic, text, {"persistent": "true"})


def recorded(viewer: Api, execution: str) -> Any:
    return viewer.get("workflow-messages/", execution_id=execution)


def test_a_message_sent_twice_is_stored_once(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    execution = f"twice-{uuid4()}"
    body = message(stack, execution_id=execution)
    last = message(stack, execution_id=execution, msg_type="last")
    for one in (body, body, body, last):
        send(sender, one)
    eventually(
        lambda: any(row["message_type"] == "last" for row in recorded(viewer, execution)),
        "the last message is recorded",
    )
    assert len(recorded(viewer, execution)) == 2


def test_an_old_message_without_id_and_zone_is_stored_once(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    execution = f"old-{uuid4()}"
    body = message(stack, execution_id=execution, run_id=77)
    del body["message_id"]
    send(sender, body)
    send(sender, body)
    send(sender, message(stack, execution_id=execution, msg_type="last"))
    eventually(lambda: len(recorded(viewer, execution)) >= 2, "both kinds are recorded")
    rows = recorded(viewer, execution)
    assert len(rows) == 2
    old = next(row for row in rows if row["message_type"] == "announcement")
    assert (old["run_id"], old["sent_at"]) == ("77", "2026-01-01T00:00:00Z")


def test_slices_are_recorded_too(stack: TestbedStack, sender: BrokerLink, viewer: Api) -> None:
    execution = f"slice-{uuid4()}"
    send(sender, message(stack, execution_id=execution, msg_type="slice"), SLICES)
    eventually(lambda: recorded(viewer, execution), "the slice is recorded")


def test_another_namespace_is_not_recorded(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    execution = f"foreign-{uuid4()}"
    send(sender, message(stack, execution_id=execution, namespace="somebody-else"))
    send(sender, message(stack, execution_id=execution, msg_type="last"))
    eventually(lambda: recorded(viewer, execution), "the own message is recorded")
    assert [row["message_type"] for row in recorded(viewer, execution)] == ["last"]


@pytest.mark.parametrize(
    "garbage",
    ["", "no json", "[1, 2]", '{"a": 1}', '{"msg_type": 7}', '{"msg_type": "x\\u0000"}'],
)
def test_what_cannot_be_understood_becomes_a_dead_letter(
    sender: BrokerLink, viewer: Api, garbage: str
) -> None:
    before = {row["id"] for row in viewer.get("dead-letters/")}
    send(sender, garbage)

    def new_ones() -> list[Any]:
        rows = viewer.get("dead-letters/")
        return [row for row in rows if row["id"] not in before and row["body"] == garbage]

    (found,) = eventually(new_ones, "the garbage is a dead letter")[:1]
    assert found["cause"]
    assert found["resolution"] == "open"


def test_a_command_that_has_expired_is_recorded_once_the_recorder_is_back(
    stack: TestbedStack, operator: Api, viewer: Api
) -> None:
    execution = f"nobody-runs-{uuid4()}"
    recorder: Any = connect().containers.get(stack.container_id("recorder"))
    recorder.stop()
    refused = operator.post(f"workflow-executions/{execution}/stop/")
    expires = time.monotonic() + ANSWER_TIMEOUT_S
    assert refused.status_code == 409
    eventually(lambda: time.monotonic() > expires, "the command has expired")
    recorder.start()
    rows = eventually(
        lambda: viewer.get("workflow-messages/", execution_id=execution),
        "the command is recorded",
    )
    assert [row["message_type"] for row in rows] == ["stop_workflow"]
    (reply,) = viewer.get("workflow-messages/", message_type="rejected", limit=1)["results"]
    assert reply["correlation_id"] == rows[0]["message_id"]


def test_values_that_fit_no_column_do_not_stop_the_recorder(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    execution = f"odd-{uuid4()}"
    send(sender, message(stack, execution_id=execution, msg_type="x" * 300, sender="y" * 300))
    send(sender, json.dumps(message(stack, msg_type="odd")).replace("odd", "\\ud800"))
    send(sender, message(stack, execution_id=execution, timestamp="never"))
    send(sender, message(stack, execution_id=execution, run_id={"a": [1]}, msg_type="start_run"))
    send(sender, message(stack, execution_id=execution, msg_type="last"))
    eventually(
        lambda: any(row["message_type"] == "last" for row in recorded(viewer, execution)),
        "the recorder goes on",
    )
    assert len(recorded(viewer, execution)) == 4


def test_an_execution_gets_its_run_number_from_the_first_message_with_both_ids(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    agent = Api(stack, "agent")
    unknown, known = new_execution(agent), new_execution(agent, run_number=4712)
    number = make_run(agent)
    send(sender, message(stack, execution_id=unknown, run_id="none"))
    send(sender, message(stack, execution_id=unknown))
    for execution in (unknown, known):
        for run_id in (str(number), str(number + 1)):
            send(sender, message(stack, execution_id=execution, run_id=run_id))
    eventually(lambda: len(recorded(viewer, known)) == 2, "all messages are recorded")
    told = {key: viewer.get(f"workflow-executions/{key}/progress/") for key in (unknown, known)}
    assert told[unknown]["run_id"] == str(number)
    assert told[known]["run_id"] == "4712"


def test_a_paused_monitor_does_not_slow_recording(
    stack: TestbedStack, sender: BrokerLink, sql: Sql
) -> None:
    execution, messages = f"paused-{uuid4()}", 10_000
    monitor: Any = connect().containers.get(stack.container_id("monitor"))
    monitor.pause()
    try:
        for _ in range(messages):
            send(sender, message(stack, execution_id=execution))
        count = f"SELECT count(*) FROM swf_workflow_messages WHERE execution_id = '{execution}'"
        # it was 480 a second when the recording thread itself asked the monitor
        eventually(lambda: sql(count)[1].strip() == str(messages), "all are recorded", 12)
    finally:
        monitor.unpause()


def test_the_record_of_a_worker_whose_agent_is_gone_is_ended(
    stack: TestbedStack, viewer: Api
) -> None:
    agent = Api(stack, "agent")
    names = {name: f"{name}-agent-test-{uuid4().hex[:8]}" for name in ("gone", "alive")}
    run_number = int(uuid4().int % 10**9)
    for name, instance in names.items():
        beat = {
            "instance_name": instance,
            "agent_type": "transformer",
            "namespace": stack.namespace,
            "operational_state": "PROCESSING",
            "heartbeat_interval": 1 if name == "gone" else 600,
        }
        assert agent.post("systemagents/heartbeat/", beat).status_code in (200, 201)
        worker = {
            "worker_id": f"{instance}-{run_number}",
            "run_number": run_number,
            "location": "here",
            "status": "running",
            "current_slice_id": 3,
            "started_at": "2026-01-01T00:00:00Z",
            "metadata": {"instance_name": instance},
        }
        assert agent.post("workers/", worker).status_code == 201

    def worker_of(name: str) -> Any:
        return viewer.get(f"workers/{names[name]}-{run_number}/")

    eventually(lambda: worker_of("gone")["ended_at"], "the worker is missed", 45)
    gone, alive = worker_of("gone"), worker_of("alive")
    assert (gone["status"], gone["current_slice_id"]) == ("lost", None)
    assert (alive["status"], alive["ended_at"]) == ("running", None)
