"""Events of the live stream: positions, what a client wants, and what goes over the wire."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.live.events import (
    FILTERS,
    KINDS,
    BadParameter,
    Event,
    Position,
    Wanted,
    agent_event,
    joined,
    log_event,
    message_event,
    stream_event,
)

IDS = st.integers(0, 10**18 - 1)
POSITIONS = st.builds(Position, IDS, IDS, IDS)
MOMENT = datetime(2026, 1, 5, 12, tzinfo=UTC)
MESSAGE_ROW: dict[str, Any] = {
    "id": 7,
    "message_id": UUID("0b7e9f70-6bfa-4a50-b6a4-8c7aa1d0d5f0"),
    "message_type": "stf_ready",
    "sender_agent": "data-agent-1",
    "recipient_agent": None,
    "namespace": "torre1",
    "execution_id": "e-1",
    "run_id": "100010",
    "queue_name": "/queue/Consumer.torre1-recorder.epictopic",
    "sent_at": MOMENT,
    "message_content": {"msg_type": "stf_ready", "run_id": 100010, "filename": "a.stf"},
}
AGENT_ROW: dict[str, Any] = {
    "id": 8,
    "instance_name": "data-agent-1",
    "program": "example-data-agent",
    "namespace": "torre1",
    "execution_id": "e-1",
    "run_id": "100010",
    "operational_state": "READY",
    "status": "OK",
    "description": "",
    "changed_at": MOMENT,
}
LOG_ROW: dict[str, Any] = {
    "id": 9,
    "timestamp": MOMENT,
    "app_name": "example-data-agent",
    "instance_name": "data-agent-1",
    "level": 20,
    "levelname": "INFO",
    "message": "hello",
    "module": "m",
    "funcname": "f",
    "lineno": 1,
    "namespace": "torre1",
    "execution_id": None,
    "run_id": None,
    "extra_data": {"a": 1},
}


def message(**changes: Any) -> Event:
    return message_event(stored({**MESSAGE_ROW, **changes}))


def log(row: dict[str, Any]) -> Event:
    return log_event(stored(row))


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it is read: JSON columns are text."""
    texts = {name: row[name] for name in ("message_content", "extra_data") if name in row}
    return {**row, **{name: json.dumps(value) for name, value in texts.items()}}


def frames_in(text: str) -> list[dict[str, str]]:
    """The events in a stream, read as the specification of server-sent events says."""
    found: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in re.split("\r\n|\n|\r", text):
        if not line:
            if fields:
                found.append(fields)
            fields = {}
            continue
        name, _, value = line.partition(":")
        assert name not in fields, f"{name} stands twice in {text!r}"
        fields[name] = value.removeprefix(" ")
    assert not fields, f"the last event has no end: {text!r}"
    return found


@given(POSITIONS)
def test_a_position_is_read_as_it_was_written(position: Position) -> None:
    assert Position.parse(str(position)) == position


@given(IDS)
def test_a_plain_number_is_the_position_of_messages(number: int) -> None:
    assert Position.parse(f" {number} ") == Position(message=number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "--",
        "a",
        "1-2",
        "1-2-3-4",
        "-1",
        "1.5",
        "1-2-x",
        "²",
        "٣",
        "1" * 19,
        "0x1",
        "1-2-3;",
    ],
)
def test_what_is_no_position_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadParameter, match="no id of this stream") as caught:
        Position.parse(text)
    assert caught.value.name == "Last-Event-ID"


@example("9" * 18)
@example("\u0663-1-1")
@given(st.text(st.characters(codec="utf-8")) | st.from_regex(r"\A[0-9-]{0,60}\Z"))
def test_any_text_is_a_position_that_fits_its_columns_or_is_refused(text: str) -> None:
    try:
        position = Position.parse(text)
    except BadParameter:
        return
    assert all(0 <= position.of(kind) < 2**63 for kind in KINDS)


@given(POSITIONS, st.sampled_from(KINDS), IDS)
def test_an_event_moves_the_position_of_its_own_kind_only(
    position: Position, kind: str, event_id: int
) -> None:
    moved = position.after(kind, event_id)
    assert moved.of(kind) == event_id
    assert all(moved.of(other) == position.of(other) for other in KINDS if other != kind)


def test_without_parameters_all_messages_are_wanted() -> None:
    wanted = Wanted.read({})
    assert wanted == Wanted(frozenset({"message"}), {})
    assert wanted.accepts(message())
    assert not wanted.accepts(agent_event(AGENT_ROW))
    assert not wanted.accepts(log(LOG_ROW))


def test_lists_are_separated_by_commas_and_spaces_around_words_do_not_count() -> None:
    wanted = Wanted.read({"kinds": "agent, log", "agents": " a ,b,,", "run_ids": "1,1"})
    assert wanted.kinds == {"agent", "log"}
    assert wanted.values == {"agents": {"a", "b"}, "run_ids": {"1"}}


@pytest.mark.parametrize("empty", ["", ",", " , "])
def test_an_empty_list_is_as_good_as_none(empty: str) -> None:
    given_ = dict.fromkeys(("kinds", *FILTERS), empty)
    assert Wanted.read(given_) == Wanted.read({})


@pytest.mark.parametrize("name", ["msg_type", "limit", "kind", "MSG_TYPES", ""])
def test_an_unknown_parameter_is_named(name: str) -> None:
    with pytest.raises(BadParameter) as caught:
        Wanted.read({"kinds": "message", name: "x"})
    assert caught.value.name == name


def test_an_unknown_kind_is_named_with_those_that_there_are() -> None:
    with pytest.raises(BadParameter, match=r"'massage' is none of message, agent, log") as caught:
        Wanted.read({"kinds": "log,massage"})
    assert caught.value.name == "kinds"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("msg_types", "stf_ready"),
        ("agents", "data-agent-1"),
        ("run_ids", "100010"),
        ("namespace", "torre1"),
        ("execution_id", "e-1"),
    ],
)
def test_every_filter_accepts_one_of_its_values_and_refuses_others(name: str, value: str) -> None:
    assert Wanted.read({name: f"other,{value}"}).accepts(message())
    assert not Wanted.read({name: f"other,{value}x"}).accepts(message())


def test_filters_hold_together() -> None:
    assert Wanted.read({"msg_types": "stf_ready", "agents": "data-agent-1"}).accepts(message())
    assert not Wanted.read({"msg_types": "stf_ready", "agents": "other"}).accepts(message())
    assert not Wanted.read({"msg_types": "other", "agents": "data-agent-1"}).accepts(message())


def test_a_filter_holds_for_the_kinds_that_have_its_fact_only() -> None:
    wanted = Wanted.read({"kinds": "message,agent,log", "msg_types": "end_run"})
    assert not wanted.accepts(message())
    assert wanted.accepts(agent_event(AGENT_ROW))
    assert wanted.accepts(log(LOG_ROW))


def test_the_other_filters_hold_for_agents_and_log_records_too() -> None:
    wanted = Wanted.read({"kinds": "agent,log", "agents": "data-agent-1", "run_ids": "100010"})
    assert wanted.accepts(agent_event(AGENT_ROW))
    assert not wanted.accepts(agent_event({**AGENT_ROW, "run_id": "100011"}))
    assert not wanted.accepts(log(LOG_ROW)), "a record of no run is of none that is wanted"
    assert wanted.accepts(log({**LOG_ROW, "run_id": "100010"}))


def test_a_run_id_that_was_sent_as_a_number_is_found_by_its_digits() -> None:
    event = message(message_content={"msg_type": "x", "run_id": 100010})
    assert Wanted.read({"run_ids": "100010"}).accepts(event)
    assert not Wanted.read({"run_ids": "10001"}).accepts(event)


FACTS = st.sampled_from([None, "a", "b", "c"])


@given(
    st.fixed_dictionaries(dict.fromkeys(FILTERS, FACTS)),
    st.dictionaries(st.sampled_from(FILTERS), st.sets(st.sampled_from("abc"), min_size=1)),
)
def test_an_event_is_accepted_when_each_filter_names_its_fact(
    facts: dict[str, str | None], filters: dict[str, set[str]]
) -> None:
    event = Event("message", 1, "x", "{}", facts)
    wanted = Wanted.read({name: ",".join(values) for name, values in filters.items()})
    every = all(facts[name] in values for name, values in filters.items())
    assert wanted.accepts(event) == every


def test_a_message_event_holds_its_content_and_what_is_known_of_its_way() -> None:
    event = message()
    assert (event.kind, event.id, event.name) == ("message", 7, "stf_ready")
    assert json.loads(event.data) == {
        "msg_type": "stf_ready",
        "run_id": 100010,
        "filename": "a.stf",
        "message_id": "0b7e9f70-6bfa-4a50-b6a4-8c7aa1d0d5f0",
        "sender_agent": "data-agent-1",
        "recipient_agent": None,
        "namespace": "torre1",
        "queue_name": "/queue/Consumer.torre1-recorder.epictopic",
        "sent_at": "2026-01-05T12:00:00+00:00",
    }


@pytest.mark.parametrize("content", ['{"n": 1' + "0" * 5000 + "}", "{", ""])
def test_content_that_cannot_be_decoded_stops_no_stream(content: str) -> None:
    event = message_event({**MESSAGE_ROW, "message_content": content})
    assert json.loads(event.data)["sender_agent"] == "data-agent-1"


def test_agent_and_log_events_are_the_rows() -> None:
    changed, logged = agent_event(AGENT_ROW), log(LOG_ROW)
    moment = MOMENT.isoformat()
    assert (changed.kind, changed.name, changed.id) == ("agent", "agent", 8)
    assert json.loads(changed.data) == {**AGENT_ROW, "changed_at": moment}
    assert (logged.kind, logged.name, logged.id) == ("log", "log", 9)
    assert json.loads(logged.data) == {**LOG_ROW, "timestamp": moment}


NASTY = st.text(st.sampled_from("a :\r\n\t\x00\x0b\x0c\x1c\x1d\x1e\x7f\x85\u2028\u2029é\ud800"))
ANY_TEXT = NASTY | st.text(st.characters(exclude_categories=["Cs"]))
ADDED = {"message_id", "sender_agent", "recipient_agent", "namespace", "queue_name", "sent_at"}
CONTENT = st.dictionaries(
    ANY_TEXT,
    st.recursive(
        st.none() | st.booleans() | st.integers() | ANY_TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)


@example("x\nid: 1-1-1\ndata: {}\n\nevent: forged", {}, Position(1, 2, 3))
@given(ANY_TEXT, CONTENT, POSITIONS)
def test_a_frame_is_one_well_formed_event_whatever_the_message_holds(
    kind: str, content: dict[str, Any], position: Position
) -> None:
    event = message(message_type=kind, message_content=content)
    chunk = joined([event.frame(position), event.frame(position)])
    first, second = frames_in(chunk.decode())
    assert first == second
    assert set(first) == {"id", "event", "data"}
    assert Position.parse(first["id"]) == position
    assert len(first["event"]) == len(kind)
    data = json.loads(first["data"])
    assert {name: data[name] for name in content if name not in ADDED} == {
        name: value for name, value in content.items() if name not in ADDED
    }


@given(ANY_TEXT, ANY_TEXT)
def test_frames_of_agents_and_log_records_are_well_formed_whatever_they_hold(
    text: str, description: str
) -> None:
    position = Position(1, 2, 3)
    for event, key in (
        (agent_event({**AGENT_ROW, "instance_name": text, "description": description}), "agent"),
        (log({**LOG_ROW, "instance_name": text, "message": description}), "log"),
    ):
        (frame,) = frames_in(joined([event.frame(position)]).decode())
        assert (frame["id"], frame["event"]) == ("1-2-3", key)
        data = json.loads(frame["data"])
        assert data["instance_name"] == text
        assert description in data.values()


def test_what_the_stream_says_itself_has_an_id_only_where_it_has_a_position() -> None:
    (plain,) = frames_in(stream_event("connected", {"status": "connected", "at": MOMENT}))
    assert plain == {
        "event": "connected",
        "data": '{"status":"connected","at":"2026-01-05T12:00:00+00:00"}',
    }
    (marked,) = frames_in(stream_event("heartbeat", {"text": "a\nb"}, Position(1, 2, 3)))
    assert (marked["id"], marked["event"]) == ("1-2-3", "heartbeat")
    assert json.loads(marked["data"]) == {"text": "a\nb"}


def test_several_frames_are_one_chunk_in_their_order() -> None:
    chunk = joined([stream_event("a", {}), stream_event("b", {})])
    assert [frame["event"] for frame in frames_in(chunk.decode())] == ["a", "b"]
    assert joined([]) == b""
