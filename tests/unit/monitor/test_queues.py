"""Consumer queues as the monitor shows and empties them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.test import override_settings

from monitor.control import emptying
from monitor.control.commands import NoAnswer
from monitor.control.emptying import empty
from monitor.control.queues import expires_after_s, own
from monitor.recorder.causes import as_table, cause_of
from swf_common.protocol.destinations import program_of
from tests.unit.stomp_server import StompServer

QUEUE = "Consumer.torre1-orphan.epictopic"


def depth(name: str = QUEUE, depth: int = 5, in_flight: int = 2, consumers: int = 1) -> Any:
    return {"queue": name, "depth": depth, "in_flight": in_flight, "consumers": consumers}


@pytest.mark.parametrize(
    ("queue", "program"),
    [
        (QUEUE, "orphan"),
        (f"/queue/{QUEUE}", "orphan"),
        ("Consumer.torre1-transformer.panda.slices", "transformer"),
        ("Consumer.torre1-my.agent.panda.slices", "my.agent"),
        ("Consumer.torre1-mine.topic.of.others", "mine"),
        ("Consumer.torre2-orphan.epictopic", None),
        ("Consumer.torre1-", None),
        ("DLQ.Consumer.torre1-orphan.epictopic", None),
        ("workflow_control", None),
    ],
)
def test_a_consumer_queue_names_its_program(queue: str, program: str | None) -> None:
    assert program_of("torre1", queue) == program


@override_settings(TESTBED_NAMESPACE="torre1")
def test_what_is_in_hand_does_not_wait_and_other_queues_are_left_out() -> None:
    (shown,) = own([depth(), depth("Consumer.torre2-x.epictopic")])
    assert shown == {
        "queue": QUEUE,
        "program": "orphan",
        "waiting": 3,
        "in_flight": 2,
        "consumers": 1,
    }


@pytest.mark.parametrize(("days", "seconds"), [(7.0, 604_800.0), (0.0, None)])
def test_queues_expire_after_some_days_or_never(days: float, seconds: float | None) -> None:
    with override_settings(TESTBED_QUEUE_RETENTION_DAYS=days):
        assert expires_after_s() == seconds


def test_emptying_takes_every_message_and_counts_them_by_execution(
    server: StompServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emptying, "QUIET_TIMEOUT_S", 0.2)
    monkeypatch.setattr(emptying, "ACK_EVERY", 2)

    def deliver() -> None:
        server.wait_for("SUBSCRIBE")
        for number, execution in enumerate(("e-1", "e-2", "e-1")):
            server.deliver("{}", ack=f"{number}", execution_id=execution)
        server.deliver("{}", ack="3")
        server.deliver("{}", ack="4")

    threading.Thread(target=deliver, daemon=True).start()
    emptied = empty(server.broker, QUEUE)
    assert (emptied.messages, emptied.executions) == (5, {"": 2, "e-1": 2, "e-2": 1})
    assert str(emptied) == "5 messages (no execution: 2, e-1: 2, e-2: 1)"
    (subscription,) = server.of("SUBSCRIBE")
    assert (subscription.destination, subscription.headers["ack"]) == (f"/queue/{QUEUE}", "client")
    assert [frame.headers["id"] for frame in server.wait_for("ACK", 3)] == ["1", "3", "4"]


def test_a_queue_of_a_broker_that_is_away_is_not_empty(
    server: StompServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emptying, "CONNECT_TIMEOUT_S", 0.2)
    server.silent.add("STOMP")
    with pytest.raises(NoAnswer, match="cannot be reached"):
        empty(server.broker, QUEUE)


def test_a_cause_names_error_subject_message_try_agent_and_place() -> None:
    failure = {
        "error": "DamagedFile",
        "text": "the checksum differs",
        "msg_type": "stf_gen",
        "subject": "swf.100010.000003.stf",
        "message_id": "0b7e9f70",
        "try": 5,
        "agent": "data-agent-jane-0042",
        "place": "agents/data/files.py:88",
    }
    assert cause_of(failure) == (
        "DamagedFile: the checksum differs (stf_gen swf.100010.000003.stf; message 0b7e9f70; "
        "try 5; by data-agent-jane-0042; at agents/data/files.py:88)"
    )


def test_a_cause_whose_facts_anybody_may_have_written_is_still_a_text() -> None:
    assert cause_of({"error": ["x"], "try": {}}) == "['x'] ()"
    assert cause_of({}) == "refused ()"


@pytest.mark.parametrize(
    ("text", "table"), [('{"try": 5}', {"try": 5}), ("[1]", {}), ('"x"', {}), (None, {})]
)
def test_what_a_log_record_reports_is_read_from_its_text(
    text: str | None, table: dict[str, Any]
) -> None:
    assert as_table(text) == table
