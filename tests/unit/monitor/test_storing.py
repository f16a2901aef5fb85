"""Turning deliveries into rows: what fits its column is kept, what cannot be read is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.recorder.storing import PHASES, STORED, Row, dead_letter, read_row
from monitor.records.models import DeadLetter
from swf_common.broker.model import Delivery
from swf_common.protocol.message import MalformedMessage
from swf_common.protocol.messages import parse
from swf_common.protocol.progress import DAQ_PHASES

QUEUE = "/queue/Consumer.torre1-recorder.epictopic"
CONTENT: dict[str, Any] = {
    "msg_type": "start_run",
    "message_id": "0b7e9f70-6bfa-4a50-b6a4-8c7aa1d0d5f0",
    "namespace": "torre1",
    "sender": "workflow-runner-agent-jane-0001",
    "recipient": "everybody",
    "timestamp": "2026-01-05T12:00:00-05:00",
    "execution_id": "stf_datataking-jane-0001",
    "run_id": 100010,
    "state": "run",
    "substate": "physics",
    "simulation_tick": 13.1,
}
NOT_STORED = {"target_workers"}


def delivery(body: str, **headers: str) -> Delivery:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Delivery({"destination": QUEUE, "message-id": "ID:1", **named}, body, 1)


def content(**changes: Any) -> str:
    return json.dumps({**CONTENT, **changes})


def test_a_message_becomes_a_row() -> None:
    row = read_row(delivery(content(), correlation_id="c-1"))
    assert row.message_id == CONTENT["message_id"]
    assert (row.message_type, row.namespace) == ("start_run", "torre1")
    assert (row.sender_agent, row.recipient_agent) == (CONTENT["sender"], "everybody")
    assert (row.execution_id, row.run_id) == (CONTENT["execution_id"], "100010")
    assert row.sent_at == datetime(2026, 1, 5, 17, tzinfo=UTC)
    assert (row.queue_name, row.correlation_id) == (QUEUE, "c-1")
    assert json.loads(row.message_content) == CONTENT


def test_every_field_of_a_row_is_a_column_or_known_not_to_be_stored() -> None:
    assert set(Row._fields) - {field.attname for field in STORED} == NOT_STORED


def test_what_is_missing_is_null() -> None:
    row = read_row(delivery('{"msg_type": "x"}'))
    assert {row.sender_agent, row.recipient_agent, row.namespace, row.execution_id, row.run_id} == {
        None
    }
    assert row.correlation_id is None


def test_every_text_fits_its_column() -> None:
    long = "x" * 1000
    texts = dict.fromkeys(("msg_type", "sender", "recipient", "namespace", "execution_id"), long)
    row = read_row(
        delivery(content(**texts, run_id="7" * 100), destination=long, correlation_id=long)
    )
    limited = {field.attname: field.max_length for field in STORED if field.max_length}
    del limited["message_id"]  # a UUID is replaced, not cut
    for column, most in limited.items():
        assert 0 < len(getattr(row, column)) <= most, column
    assert json.loads(row.message_content)["sender"] == long


@pytest.mark.parametrize("message_id", [None, "", "7", 7, ["a"]])
def test_an_id_that_is_none_is_replaced_by_one_that_stays_the_same(message_id: object) -> None:
    once, again = (read_row(delivery(content(message_id=message_id))) for _ in range(2))
    assert once.message_id == again.message_id


def test_recorder_and_agents_derive_the_same_id() -> None:
    body = json.dumps({name: value for name, value in CONTENT.items() if name != "message_id"})
    assert read_row(delivery(body)).message_id == str(parse(body).message_id)


def test_a_naive_time_is_utc() -> None:
    row = read_row(delivery(content(timestamp="2026-01-05T12:00:00")))
    assert row.sent_at == datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_an_old_message_tells_its_time_as_created_at() -> None:
    row = read_row(delivery('{"msg_type": "x", "created_at": "2026-01-05T12:00:00"}'))
    assert row.sent_at == datetime(2026, 1, 5, 12, tzinfo=UTC)


MINUTES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
NO_NUL = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TIMES = st.datetimes(timezones=MINUTES)


@example("0001-01-01T00:00:00+14:00")
@example("9999-12-31T23:59:59-14:00")
@given(TIMES.map(datetime.isoformat) | st.text(NO_NUL, max_size=30) | st.integers() | st.none())
def test_whatever_stands_for_the_time_the_row_has_one_that_utc_can_tell(timestamp: object) -> None:
    row = read_row(delivery(content(timestamp=timestamp)))
    assert row.sent_at.astimezone(UTC).year >= 1


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("no JSON", "not JSON"),
        ("[]", "not an object"),
        ("{}", "no msg_type"),
        ('{"msg_type": ""}', "no msg_type"),
        ('{"msg_type": 7}', "no msg_type"),
        ('{"msg_type": "x", "a": "\\u0000"}', "NUL"),
    ],
)
def test_what_cannot_be_stored_as_a_message_is_refused(body: str, part: str) -> None:
    with pytest.raises(MalformedMessage, match=part):
        read_row(delivery(body))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(CONTENT)), ANYTHING))
def test_any_content_becomes_a_row_or_is_refused(changes: dict[str, Any]) -> None:
    try:
        row = read_row(delivery(content(**changes)))
    except MalformedMessage:
        return
    assert json.loads(row.message_content) == {**CONTENT, **changes}


def test_a_dead_letter_names_the_queue_that_it_was_meant_for() -> None:
    letter = dead_letter(
        delivery(
            content(),
            destination="/queue/DLQ.Consumer.torre1-data-agent.epictopic",
            dlqDeliveryFailureCause="redelivery limit reached",
            ack="ack-1",
        )
    )
    assert letter.destination == "/queue/Consumer.torre1-data-agent.epictopic"
    assert letter.cause == "redelivery limit reached"
    assert (letter.message_type, letter.execution_id) == ("start_run", CONTENT["execution_id"])
    assert letter.message_id == UUID(CONTENT["message_id"])
    assert letter.broker_message_id == "ID:1"
    assert "ack" not in letter.headers
    assert letter.body == content()


def test_a_letter_that_nobody_can_read_is_kept_as_text() -> None:
    letter = dead_letter(delivery("\x00 no JSON"), "the body is not JSON")
    assert letter.cause == "the body is not JSON"
    assert "\x00" not in letter.body
    assert (letter.message_id, letter.message_type, letter.execution_id) == (None, "", None)
    assert letter.destination == QUEUE


def test_every_text_of_a_dead_letter_fits_its_column() -> None:
    long = "x" * 1000
    letter = dead_letter(
        delivery(
            content(msg_type=long, execution_id=long), destination=f"/queue/{long}", message_id=long
        )
    )
    for field in DeadLetter._meta.get_fields():
        most = getattr(field, "max_length", None)
        value = getattr(letter, field.name)
        assert most is None or not isinstance(value, str) or len(value) <= most, field.name


def test_every_lifecycle_message_has_its_phase() -> None:
    assert set(PHASES) == set(DAQ_PHASES)
