"""From a command to its reply: whom it means, what is refused and why, one at a time each."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.commands import VERBS, Commands, read_command
from swf_common.broker.model import Delivery
from swf_common.protocol.agent_control import AgentCommand, Done, Rejected
from swf_common.protocol.message import MalformedMessage, utc_now
from swf_common.protocol.messages import CATALOGUE, parse
from swf_common.service import actions
from tests.unit.samples import NAMESPACE
from tests.unit.stomp_server import PATIENCE_S
from tests.unit.supervisor.fake_engine import FakeEngine
from tests.waiting import eventually

DATA = "example-data-agent"
PROCESSING = "example-processing-agent"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """A testbed with one data agent and two processing agents."""
    monkeypatch.setattr(actions, "SETTLE_S", 0.0)
    made = FakeEngine()
    made.add(DATA)
    made.add(PROCESSING, 1)
    made.add(PROCESSING, 2, state="created", started_at="")
    return made


@pytest.fixture
def commands(engine: FakeEngine) -> Iterator[Commands]:
    made = Commands(engine)
    yield made
    engine.gate.set()
    made.close()


def command(verb: str, **fields: Any) -> AgentCommand:
    made = CATALOGUE[verb].model_validate({"namespace": NAMESPACE, **fields})
    assert isinstance(made, AgentCommand)
    return made


def delivery(content: object, **headers: str) -> Delivery:
    body = content if isinstance(content, str) else json.dumps(content)
    return Delivery(headers, body, 1)


def states(engine: FakeEngine) -> list[str]:
    return [container.state for container in engine.agents()]


def done(reply: object) -> Done:
    assert isinstance(reply, Done), reply
    return reply


def refused(reply: object) -> Rejected:
    assert isinstance(reply, Rejected), reply
    return reply


# --- Whom a command means -------------------------------------------------------------------


def test_a_program_means_all_its_containers(commands: Commands, engine: FakeEngine) -> None:
    reply = done(commands.carry_out(command("start", program=PROCESSING)))
    assert [state.name for state in reply.containers] == [
        "testbed-torre1-example-processing-agent-1",
        "testbed-torre1-example-processing-agent-2",
    ]
    assert states(engine) == ["running", "running", "running"]


def test_a_container_id_means_that_one_alone(commands: Commands, engine: FakeEngine) -> None:
    wanted = engine.agents()[1]
    whom = {"program": PROCESSING, "container_id": wanted.container_id[:12]}
    reply = done(commands.carry_out(command("kill", **whom)))
    assert [state.container_id for state in reply.containers] == [wanted.container_id]
    assert states(engine) == ["running", "exited", "created"]


def test_an_instance_is_found_by_its_container(commands: Commands, engine: FakeEngine) -> None:
    whom = {"instance_name": "data-agent-jane-0001"}
    whom["container_id"] = engine.agents()[0].container_id
    done(commands.carry_out(command("stop", **whom)))
    assert states(engine) == ["exited", "running", "created"]


def test_a_list_tells_all_of_them_or_those_of_a_program(commands: Commands) -> None:
    everyone = done(commands.carry_out(command("list"))).containers
    assert [state.program for state in everyone] == [DATA, PROCESSING, PROCESSING]
    first, _, last = everyone
    assert (first.state, first.exit_code, first.health) == ("running", None, None)
    assert first.started_at is not None
    assert (last.state, last.started_at) == ("created", None)
    (one,) = done(commands.carry_out(command("list", program=DATA))).containers
    assert one.program == DATA


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "names neither a program nor an instance_name; agents here: example-data-agent"),
        ({"container_id": "ab" * 32}, "names neither a program nor an instance_name"),
        ({"program": "postgres"}, "postgres is not an agent of this testbed; agents here: exam"),
        ({"program": "supervisor"}, "supervisor is not an agent of this testbed"),
        ({"instance_name": "data-agent-jane-0001"}, "send the container_id of its heartbeat too"),
        (
            {"instance_name": "x", "container_id": "ab" * 32},
            "no container abababababab belongs to an agent of this testbed",
        ),
        (
            {"program": DATA, "container_id": "ab" * 32},
            "no container abababababab belongs to example-data-agent",
        ),
    ],
)
def test_who_is_no_agent_here_is_refused_and_left_alone(
    commands: Commands, engine: FakeEngine, fields: dict[str, str], reason: str
) -> None:
    for verb in ("start", "stop", "restart", "kill"):
        reply = refused(commands.carry_out(command(verb, **fields)))
        assert reason in reply.reason
        assert reply.containers is None
    assert engine.calls == []


# --- What a reply says ----------------------------------------------------------------------


def test_what_was_done_is_told(commands: Commands) -> None:
    reply = parse(commands.carry_out(command("kill", program=DATA)).body())
    (state,) = done(reply).containers
    assert (state.program, state.state, state.exit_code) == (DATA, "exited", 137)


def test_one_replica_that_fails_is_told_beside_the_others(
    commands: Commands, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "EFFECT_TIMEOUT_S", 0.0)
    engine.unmoved.add(engine.agents()[1].name)
    reply = refused(commands.carry_out(command("kill", program=PROCESSING)))
    assert "testbed-torre1-example-processing-agent-1) is still running" in reply.reason
    assert reply.containers is not None
    assert [state.state for state in reply.containers] == ["running", "created"]


def test_without_an_engine_every_command_is_rejected(
    commands: Commands, engine: FakeEngine
) -> None:
    engine.away = True
    for verb in VERBS:
        reply = refused(commands.carry_out(command(verb, program=DATA)))
        assert "The Docker engine does not answer" in reply.reason


def test_a_command_that_has_expired_is_not_carried_out(
    commands: Commands, engine: FakeEngine
) -> None:
    late = command("stop", program=DATA, expires_at=utc_now() - timedelta(seconds=1))
    assert "expired" in refused(commands.carry_out(late)).reason
    assert engine.calls == []


def test_a_command_that_expires_while_it_waits_for_its_turn_is_not_carried_out(
    engine: FakeEngine,
) -> None:
    start = utc_now()
    moments = iter([start, start + timedelta(seconds=9)])
    commands = Commands(engine, now=lambda: next(moments))
    late = command("stop", program=DATA, expires_at=start + timedelta(seconds=5))
    assert "expired" in refused(commands.carry_out(late)).reason
    assert engine.calls == []
    commands.close()


def test_each_action_is_one_line_in_the_log_with_who_asked(
    commands: Commands, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    commands.carry_out(command("stop", program=DATA, requested_by="jane\nroot"))
    commands.carry_out(command("stop", program="postgres", requested_by="jane"))
    commands.carry_out(command("list"))
    stopped, rejected = caplog.messages
    assert stopped.startswith(f"stop {DATA}, asked by 'jane\\nroot': {DATA} ")
    assert "was running, is exited (exit code 0)" in stopped
    assert rejected.startswith("stop postgres, asked by 'jane': rejected: postgres is not an agent")


# --- One at a time --------------------------------------------------------------------------


def in_background(commands: Commands, *wanted: AgentCommand) -> list[threading.Thread]:
    threads = [threading.Thread(target=commands.carry_out, args=(one,)) for one in wanted]
    for thread in threads:
        thread.start()
    return threads


def wait_for(engine: FakeEngine, calls: int) -> None:
    eventually(lambda: len(engine.calls) >= calls, f"{calls} actions have begun", PATIENCE_S)


def test_replicas_are_acted_upon_side_by_side(commands: Commands, engine: FakeEngine) -> None:
    engine.add(PROCESSING, 2)
    engine.gate.clear()
    threads = in_background(commands, command("stop", program=PROCESSING))
    wait_for(engine, 2)
    engine.gate.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert engine.at_once == 2


def test_one_container_is_acted_upon_by_one_command_at_a_time(
    commands: Commands, engine: FakeEngine
) -> None:
    engine.gate.clear()
    threads = in_background(commands, *[command("stop", program=DATA) for _ in range(5)])
    wait_for(engine, 1)
    assert done(commands.carry_out(command("list"))).containers
    done(commands.carry_out(command("kill", program=PROCESSING)))
    engine.gate.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert engine.at_once == 1
    stops = [call for call in engine.calls if call[0] == "stop"]
    assert len(stops) == 1, "the others found it down"


# --- What is no command ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "not JSON"),
        ("\x00\ufffd\x01", "not JSON"),
        ("[]", "not an object"),
        ({}, "'None' is none of: list, start, stop, restart, kill"),
        ({"msg_type": "exec", "program": DATA}, "'exec' is none of"),
        ({"msg_type": ["stop"], "program": DATA}, "none of"),
        ({"msg_type": "rm -rf \ud800" + "x" * 99}, "none of"),
        ({"msg_type": "stop", "program": "../x"}, "program"),
        ({"msg_type": "stop", "program": "a;b"}, "program"),
        ({"msg_type": "stop", "program": "$(id)"}, "program"),
        ({"msg_type": "stop", "program": "a b"}, "program"),
        ({"msg_type": "stop", "program": "a\n"}, "program"),
        ({"msg_type": "stop", "program": ""}, "program"),
        ({"msg_type": "stop", "program": "x" * 101}, "program"),
        ({"msg_type": "stop", "program": 7}, "program"),
        ({"msg_type": "stop", "program": ["postgres"]}, "program"),
        ({"msg_type": "kill", "instance_name": "a/b", "container_id": "ab" * 32}, "instance"),
        ({"msg_type": "kill", "program": DATA, "container_id": "abc"}, "container_id"),
        ({"msg_type": "kill", "program": DATA, "container_id": "zz" * 32}, "container_id"),
        ({"msg_type": "stop", "program": DATA, "timeout": -1}, "timeout"),
        ({"msg_type": "stop", "program": DATA, "timeout": 601}, "timeout"),
        ({"msg_type": "stop", "program": DATA, "timeout": "1"}, "timeout"),
        ({"msg_type": "stop", "program": DATA, "timeout": True}, "timeout"),
        ({"msg_type": "stop", "program": DATA, "timeout": float("nan")}, "number"),
        ({"msg_type": "stop", "program": DATA, "expires_at": "soon"}, "expires_at"),
        ({"msg_type": "stop", "program": DATA, "message_id": "7"}, "message_id"),
        ({"msg_type": "stop", "program": DATA, "namespace": "other"}, "another namespace"),
        ({"msg_type": "stop", "program": DATA, "namespace": 7}, "another namespace"),
    ],
)
def test_what_is_no_command_is_refused_with_a_reason(content: object, reason: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        read_command(delivery(content), NAMESPACE)
    assert reason in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from([*AgentCommand.model_fields, "x"])


@given(st.dictionaries(FIELDS, JSON), st.sampled_from(VERBS))
def test_whatever_arrives_is_understood_or_refused(content: dict[str, Any], verb: str) -> None:
    try:
        read = read_command(delivery({"msg_type": verb, **content}), NAMESPACE)
    except MalformedMessage:
        return
    assert read.msg_type in VERBS


def test_the_same_words_sent_twice_without_an_id_are_two_commands() -> None:
    content = {"msg_type": "stop", "program": DATA}
    first, again, second = (
        read_command(delivery(content, **{"message-id": number}), NAMESPACE).message_id
        for number in ("ID:1", "ID:1", "ID:2")
    )
    assert first == again != second
