"""Messages: a receiver is lenient, a sender strict, and nothing that arrives breaks a receiver."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from swf_common.protocol.message import MalformedMessage, Message
from swf_common.protocol.messages import (
    CATALOGUE,
    EndRun,
    RunWorkflow,
    StartRun,
    StfGen,
    derived_message_id,
    parse,
    read_object,
)
from swf_common.protocol.states import DaqState, DaqSubstate, EndReason

START_RUN: dict[str, Any] = {
    "msg_type": "start_run",
    "message_id": "0b7e9f70-6bfa-4a50-b6a4-8c7aa1d0d5f0",
    "namespace": "torre1",
    "sender": "workflow-runner-agent-jane-0001",
    "timestamp": "2026-01-05T12:00:00+00:00",
    "execution_id": "stf_datataking-jane-0001",
    "run_id": "100010",
    "state": "run",
    "substate": "physics",
    "simulation_tick": 13.1,
}


def read(**changes: Any) -> Message:
    """A `start_run` with other or further fields."""
    return parse(json.dumps({**START_RUN, **changes}))


def without(name: str) -> str:
    return json.dumps({key: value for key, value in START_RUN.items() if key != name})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T12:00:00", datetime(2026, 1, 5, 12, tzinfo=UTC)),
        ("2026-01-05T12:00:00Z", datetime(2026, 1, 5, 12, tzinfo=UTC)),
        ("2026-01-05T12:00:00-05:00", datetime(2026, 1, 5, 17, tzinfo=UTC)),
        ("2026-01-05T12:00:00.25+01:00", datetime(2026, 1, 5, 11, 0, 0, 250_000, UTC)),
    ],
)
def test_every_time_becomes_utc_and_a_naive_one_is_utc(text: str, moment: datetime) -> None:
    timestamp = read(timestamp=text).timestamp
    assert timestamp == moment
    assert timestamp.tzinfo is UTC


@pytest.mark.parametrize(("run_id", "read_as"), [(100010, "100010"), ("007", "007"), (0, "0")])
def test_a_run_id_may_be_an_integer(run_id: object, read_as: str) -> None:
    assert read(run_id=run_id).run_id == read_as


@pytest.mark.parametrize("run_id", ["", "run-7", -1, 1.5, True, [], "1" * 19, "\u0663"])
def test_a_run_id_that_is_no_number_is_refused(run_id: object) -> None:
    with pytest.raises(MalformedMessage, match="run_id"):
        read(run_id=run_id)


def test_a_message_without_an_id_gets_one_from_its_content() -> None:
    once, again = (parse(without("message_id")) for _ in range(2))
    assert once.message_id == again.message_id
    assert parse(without("message_id").replace("13.1", "13.2")).message_id != once.message_id


def test_an_id_that_is_null_is_as_one_that_is_missing() -> None:
    assert isinstance(read(message_id=None).message_id, UUID)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_the_derived_id_does_not_depend_on_the_order_of_the_fields(content: dict[str, Any]) -> None:
    turned = dict(reversed(list(content.items())))
    assert derived_message_id(turned) == derived_message_id(content)


def test_the_derived_id_never_changes() -> None:
    """Stored rows carry it: another one would store an old message a second time."""
    derived = derived_message_id({"msg_type": "stf_gen", "run_id": 7})
    assert derived == UUID("eb74d2ee-654b-501c-ad5d-4cd419878a9e")


def test_further_fields_are_kept() -> None:
    message = read(detector="all", nested={"a": [1, 2]})
    assert message.field("detector") == "all"
    assert json.loads(message.body())["nested"] == {"a": [1, 2]}


@pytest.mark.parametrize("name", ["body", "headers"])
def test_a_further_field_may_have_any_name(name: str) -> None:
    message = read(**{name: "theirs"})
    assert message.field(name) == "theirs"
    assert json.loads(message.body())[name] == "theirs"


def test_a_field_that_is_not_there_is_none() -> None:
    assert read().field("detector") is None


def test_an_unknown_type_is_kept_as_it_came() -> None:
    message = parse('{"msg_type": "data_ready", "files": ["a"], "run_id": 7}')
    assert type(message) is Message
    assert (message.msg_type, message.run_id, message.field("files")) == ("data_ready", "7", ["a"])


def test_a_known_type_becomes_its_model() -> None:
    assert isinstance(read(), StartRun)


@pytest.mark.parametrize("kind", CATALOGUE.values())
def test_every_type_of_the_catalogue_is_read_by_its_name(kind: type[Message]) -> None:
    assert CATALOGUE[kind.model_fields["msg_type"].default] is kind


MALFORMED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "not JSON"),
    "no JSON": ("{'msg_type': 'start_run'}", "not JSON"),
    "half a message": (json.dumps(START_RUN)[:40], "not JSON"),
    "bytes that are no text": (b'{"msg_type": "\xff"}', "not JSON"),
    "a list": ("[1, 2]", "JSON list, not an object"),
    "a number": ("5", "JSON int, not an object"),
    "null": ("null", "JSON NoneType, not an object"),
    "an endless number": ('{"msg_type": "x", "n": ' + "9" * 5000 + "}", "not JSON"),
    "NUL in a value": ('{"msg_type": "x", "a": "\\u0000"}', "NUL character"),
    "NUL in a key": ('{"msg_type": "x", "\\u0000": 1}', "NUL character"),
    "no type": (without("msg_type"), "msg_type"),
    "an empty type": ('{"msg_type": ""}', "msg_type"),
    "a type that is no text": ('{"msg_type": ["start_run"]}', "msg_type"),
    "an id that is none": (json.dumps({**START_RUN, "message_id": "7"}), "message_id"),
    "no run": (without("run_id"), "run_id"),
    "an unknown state": (json.dumps({**START_RUN, "state": "beams"}), "state"),
    "a negative tick": (json.dumps({**START_RUN, "simulation_tick": -1}), "simulation_tick"),
    "a time that is none": (json.dumps({**START_RUN, "timestamp": "noon"}), "timestamp"),
    "a time before the calendar": (
        json.dumps({**START_RUN, "timestamp": "0001-01-01T00:00:00+14:00"}),
        "timestamp",
    ),
    "a time after the calendar": (
        json.dumps({**START_RUN, "timestamp": "9999-12-31T23:59:59-14:00"}),
        "timestamp",
    ),
    "deep nesting": ('{"msg_type": "x", "a": ' + "[" * 100_000 + "]" * 100_000 + "}", "deep"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_body_is_refused_in_clear_words(case: str) -> None:
    body, part = MALFORMED[case]
    with pytest.raises(MalformedMessage) as caught:
        parse(body)
    assert part in str(caught.value)


@pytest.fixture
def generous_interpreter() -> Iterator[None]:
    """An interpreter that lets nesting go as deep as Python 3.13 does."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(12_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("generous_interpreter")
def test_nesting_is_limited_whatever_the_interpreter_allows() -> None:
    """PostgreSQL refuses what is nested some thousand levels deep."""
    with pytest.raises(MalformedMessage, match="nested too deeply"):
        read_object('{"a": ' * 8000 + "1" + "}" * 8000)


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert parse('{"msg_type": "x", "text": "\\\\u0000"}').field("text") == "\\u0000"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


FIELDS = st.sampled_from([*START_RUN, "body", "x"])
KINDS = st.sampled_from([*CATALOGUE, "x"])


def understood(body: str | bytes) -> Message | None:
    """The message in a body, or None when it is refused; anything else fails the test."""
    try:
        return parse(body)
    except MalformedMessage:
        return None


@given(st.dictionaries(FIELDS, JSON), KINDS)
def test_whatever_arrives_is_understood_or_refused(content: dict[str, Any], kind: str) -> None:
    message = understood(json.dumps({**START_RUN, "msg_type": kind, **content}))
    assert message is None or message.timestamp.tzinfo is UTC


@given(st.text() | st.binary())
def test_any_text_or_bytes_are_understood_or_refused(body: str | bytes) -> None:
    assert understood(body) is None


def test_a_message_survives_the_wire() -> None:
    sent = StfGen(
        namespace="torre1",
        sender="runner",
        execution_id="e",
        run_id="7",
        state=DaqState.RUN,
        substate=DaqSubstate.PHYSICS,
        simulation_tick=14.2,
        filename="swf.7.000001.stf",
        sequence=1,
        file_url="file:///data/daq/7/swf.7.000001.stf",
        checksum="sha256:00",
        size_bytes=10,
        tf_count=3,
        start=datetime(2026, 1, 5, 12, tzinfo=UTC),
        end=datetime(2026, 1, 5, 13, tzinfo=UTC),
    )
    assert parse(sent.body()) == sent
    assert "config" not in json.loads(RunWorkflow(workflow_name="x").body())


def test_the_headers_let_a_consumer_select() -> None:
    message = read()
    assert message.headers() == {
        "persistent": "true",
        "msg_type": "start_run",
        "namespace": "torre1",
        "execution_id": "stf_datataking-jane-0001",
        "run_id": "100010",
    }
    assert Message(msg_type="x").headers() == {"persistent": "true", "msg_type": "x"}


def test_a_sender_cannot_leave_out_what_the_contract_demands() -> None:
    with pytest.raises(ValidationError, match="run_id"):
        EndRun(  # type: ignore[call-arg]
            execution_id="e",
            state=DaqState.BEAM,
            substate=DaqSubstate.NOT_READY,
            simulation_tick=1,
            total_stf_files=0,
            reason=EndReason.STOPPED,
        )


def test_a_new_message_has_an_id_of_its_own() -> None:
    assert len({Message(msg_type="x").message_id for _ in range(3)} | {uuid4()}) == 4


@pytest.mark.parametrize("name", ["", "../x", "a.b", "a b", "x" * 201])
def test_a_command_cannot_name_a_file_as_its_workflow(name: str) -> None:
    with pytest.raises(MalformedMessage, match="workflow_name"):
        parse(json.dumps({"msg_type": "run_workflow", "workflow_name": name}))


@pytest.mark.parametrize("duration", ["Infinity", "NaN", "-1"])
def test_a_command_cannot_ask_for_an_impossible_duration(duration: str) -> None:
    body = f'{{"msg_type": "run_workflow", "workflow_name": "x", "duration": {duration}}}'
    with pytest.raises(MalformedMessage, match=r"duration|no number"):
        parse(body)
