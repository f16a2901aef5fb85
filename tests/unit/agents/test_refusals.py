"""A refused message says why: one traceback, later one line each, and facts for the record."""

from __future__ import annotations

from typing import Any

import pytest

from agents.runtime.recent import REMEMBERED
from agents.runtime.refusals import Refusals
from agents.runtime.subjects import subject_of
from swf_common.broker.model import Delivery
from swf_common.protocol.destinations import consumer_queue
from swf_common.protocol.message import Message
from swf_common.protocol.messages import interpret
from tests.unit.agents.bench import Bench, Echo, many, stf_gen
from tests.unit.testbed.monitor_server import MonitorServer

QUEUE = "/queue/Consumer.torre1-test-agent.epictopic"


def delivery(number: int = 1) -> Delivery:
    return Delivery({"destination": QUEUE, "message-id": f"ID:{number}"}, "", 1)


def refused(refusals: Refusals, number: int = 1, text: str = "the detector is broken") -> Any:
    """Refuse a message for an error that was really raised."""
    try:
        raise ValueError(text)
    except ValueError as error:
        return refusals.report(delivery(number), interpret(stf_gen()), error)


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[bool]:
    return [record.exc_info is not None for record in caplog.records]


def test_a_message_that_fails_five_times_leaves_one_traceback_and_four_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals()
    tries = [refused(refusals)["try"] for _ in range(5)]
    assert tries == [1, 2, 3, 4, 5]
    assert tracebacks(caplog) == [True, False, False, False, False]
    assert "try 5" in caplog.messages[-1]


def test_another_error_of_the_same_message_has_its_own_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals()
    refused(refusals)
    refusals.report(delivery(), interpret(stf_gen()), KeyError("another"))
    refused(refusals)
    assert tracebacks(caplog) == [True, True, False]


def test_a_refusal_names_error_subject_message_and_place() -> None:
    facts = refused(Refusals())
    assert (facts["error"], facts["text"]) == ("ValueError", "the detector is broken")
    assert (facts["subject"], facts["msg_type"]) == ("swf.100010.000001.stf", "stf_gen")
    assert facts["message_id"] == stf_gen()["message_id"]
    assert (facts["queue"], facts["broker_message_id"]) == (QUEUE, "ID:1")
    assert facts["place"].startswith("tests/unit/agents/test_refusals.py:")


def test_the_place_is_in_the_agents_own_code_where_the_runtime_raised() -> None:
    try:
        consumer_queue("torre1", "p", "no topic")
    except ValueError as error:
        facts = Refusals().report(delivery(), interpret(stf_gen()), error)
    assert facts["place"].startswith("tests/unit/agents/test_refusals.py:")


def test_an_error_without_a_text_is_named_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    facts = Refusals().report(delivery(), interpret(stf_gen()), AssertionError())
    assert (facts["error"], facts["text"]) == ("AssertionError", "")
    assert "AssertionError (" in caplog.messages[0]


def test_a_text_that_no_database_takes_is_made_storable_and_short() -> None:
    text = refused(Refusals(), text="\0\ud800" + "x" * 10_000)["text"]
    assert "\0" not in text
    assert text.encode()
    assert len(text) <= 2_000


def test_an_agent_does_not_remember_refused_messages_for_ever() -> None:
    refusals = Refusals()
    for number in range(REMEMBERED + 1):
        refused(refusals, number)
    assert refused(refusals, REMEMBERED)["try"] == 2
    assert refused(refusals, 0)["try"] == 1


@pytest.mark.parametrize(
    ("content", "subject"),
    [
        ({"msg_type": "a", "filename": "f.stf"}, "f.stf"),
        ({"msg_type": "a", "tf_filename": "f.tf", "stf_filename": "f.stf"}, "f.tf"),
        ({"msg_type": "a", "stf_filename": "f.stf"}, "f.stf"),
        ({"msg_type": "a", "content": {"sample_filename": "s.tf", "slice_id": 3}}, "s.tf slice 3"),
        (
            {"msg_type": "a", "content": {"result": {"result": {"sample_filename": "s.tf"}}}},
            "s.tf",
        ),
        ({"msg_type": "a", "run_id": "7"}, "run 7"),
        ({"msg_type": "a", "content": [1]}, ""),
    ],
)
def test_the_subject_of_a_message_is_its_file_slice_or_run(
    content: dict[str, Any], subject: str
) -> None:
    assert subject_of(Message.model_validate(content)) == subject


# --- In a running agent ---------------------------------------------------------------------


def reports(monitor: MonitorServer) -> list[dict[str, Any]]:
    """The refusals among the log records that have come."""
    records = [record for request in monitor.of("POST", "logs/") for record in request.body]
    refusals = [record["extra_data"].get("refused") for record in records]
    return [refusal for refusal in refusals if refusal]


def test_the_monitor_is_told_why_a_message_is_refused(bench: Bench, monitor: MonitorServer) -> None:
    bench.ready()
    bench.deliver(stf_gen(detector="broken"), destination=QUEUE)
    bench.refused()
    bench.stop()
    (report,) = reports(monitor)
    assert (report["error"], report["text"]) == ("ValueError", "the detector is broken")
    assert (report["queue"], report["broker_message_id"]) == (QUEUE, "id-ack-1")


def test_what_cannot_be_understood_is_reported_with_its_broker_id(
    bench: Bench, monitor: MonitorServer
) -> None:
    bench.ready()
    bench.deliver("no JSON", destination=QUEUE)
    bench.refused()
    bench.stop()
    (report,) = reports(monitor)
    assert report["error"] == "MalformedMessage"
    assert "not JSON" in report["text"]
    assert report["message_id"] is None


def test_a_batch_that_fails_is_one_line_and_the_message_at_fault_has_the_traceback(
    bench: Bench, monitor: MonitorServer, caplog: pytest.LogCaptureFixture
) -> None:
    bench.ready()
    Echo.gate.clear()
    bench.deliver(many(1), 1)
    for number in (2, 3, 4):
        bench.deliver(many(number, **({"detector": "broken"} if number == 3 else {})), number)
    Echo.gate.set()
    bench.refused()
    bench.stop()
    assert "3 many failed together (ValueError: the detector is broken)" in caplog.text
    (report,) = reports(monitor)
    assert report["broker_message_id"] == "id-ack-3"
    assert sum(record.exc_info is not None for record in caplog.records) == 1
