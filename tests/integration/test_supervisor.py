"""The supervisor on a real engine and broker: what it does, what it refuses, what it survives."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import stomp

from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Delivery, Subscription
from swf_common.protocol.agent_control import Done, Rejected
from swf_common.protocol.destinations import AGENT_CONTROL
from swf_common.protocol.message import Message
from swf_common.protocol.messages import parse
from testbed.engine.inspection import Container
from tests.broker import broker_of
from tests.engine import docker
from tests.rest import Api
from tests.waiting import eventually, holds

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

DATA = "example-data-agent"
PROCESSING = "example-processing-agent"
REPLIES = "/temp-queue/replies"
ANSWER_S = 60.0


class Operator:
    """Sends commands to the supervisor, and waits for its replies."""

    def __init__(self, stack: TestbedStack) -> None:
        self.stack = stack
        self._replies: queue.Queue[Delivery] = queue.Queue()
        self.link = BrokerLink(
            broker_of(stack, "operator"),
            "test",
            (Subscription(REPLIES, 100, ack="auto"),),
            on_message=self._replies.put,
        )
        self.link.start()
        assert self.link.wait_connected(20), self.link.last_error

    def send(self, body: str, **headers: str) -> str:
        """Send anything at all; the correlation id of its reply."""
        key = str(uuid4())
        named = {"namespace": self.stack.namespace, "reply-to": REPLIES, "correlation-id": key}
        self.link.send(AGENT_CONTROL, body, {**named, **headers})
        return key

    def reply_to(self, key: str) -> Message:
        """The reply to what was sent."""
        delivery = self._replies.get(timeout=ANSWER_S)
        assert delivery.headers["correlation-id"] == key
        return parse(delivery.body)

    def ask(self, verb: str, **fields: Any) -> Message:
        """Send a command and wait for its reply."""
        content = {"msg_type": verb, "namespace": self.stack.namespace, "requested_by": "a test"}
        return self.reply_to(self.send(json.dumps({**content, **fields})))

    def done(self, verb: str, program: str, **fields: Any) -> Any:
        """The state of the program's container after a command that has to be carried out."""
        reply = self.ask(verb, program=program, **fields)
        assert isinstance(reply, Done), reply
        (container,) = reply.containers
        assert container.program == program
        return container

    def refused(self, verb: str, **fields: Any) -> str:
        """The reason why a command is not carried out."""
        reply = self.ask(verb, **fields)
        assert isinstance(reply, Rejected), reply
        assert reply.containers is None
        return reply.reason


@pytest.fixture(scope="module")
def operator_of_agents(stack: TestbedStack) -> Iterator[Operator]:
    made = Operator(stack)
    yield made
    made.link.stop()
    assert stack.command("up").returncode == 0


@pytest.fixture
def ask(operator_of_agents: Operator) -> Operator:
    return operator_of_agents


def found(stack: TestbedStack, program: str) -> Container:
    """The program's container, as the engine tells it now."""
    (one,) = [one for one in stack.session.containers.all() if one.program == program]
    return one


# --- What it does ---------------------------------------------------------------------------


def test_a_container_that_was_only_created_starts_and_its_agent_gets_ready(
    stack: TestbedStack, ask: Operator
) -> None:
    docker("rm", "--force", stack.container_id(PROCESSING))
    stack.session.compose.create([PROCESSING])
    (created,) = ask.ask("list", program=PROCESSING).field("containers")
    assert (created.state, created.started_at) == ("created", None)
    started = ask.done("start", PROCESSING)
    assert (started.state, started.container_id) == ("running", created.container_id)
    stack.gate().wait()


def test_a_stop_is_graceful(stack: TestbedStack, ask: Operator, viewer: Api) -> None:
    before = found(stack, DATA)
    after = ask.done("stop", DATA)
    assert (after.state, after.exit_code) == ("exited", 0)
    rows = viewer.get("systemagents/", container_id=before.container_id)
    assert {row["operational_state"] for row in rows} == {"EXITED"}
    assert found(stack, DATA).state == "exited"
    assert ask.done("stop", DATA).state == "exited", "it is down already"
    assert ask.done("start", DATA).state == "running"
    stack.gate().wait()


def test_a_killed_container_stays_down_until_it_is_started(
    stack: TestbedStack, ask: Operator, viewer: Api
) -> None:
    before = found(stack, DATA)
    after = ask.done("kill", DATA)
    assert (after.state, after.exit_code) == ("exited", 137)
    assert holds(lambda: found(stack, DATA).state == "exited", 5)
    eventually(
        lambda: all(
            row["operational_state"] == "EXITED"
            for row in viewer.get("systemagents/", container_id=before.container_id)
        ),
        "the monitor retires the agent",
        40,
    )
    assert ask.done("start", DATA).state == "running"
    stack.gate().wait()


def test_a_kill_by_container_id_is_for_that_one_alone(stack: TestbedStack, ask: Operator) -> None:
    data, processing = found(stack, DATA), found(stack, PROCESSING)
    instance = {"instance_name": "data-agent-jane-0001", "container_id": data.container_id[:12]}
    reply = ask.ask("kill", **instance)
    assert [told.container_id for told in reply.field("containers")] == [data.container_id]
    assert found(stack, PROCESSING) == processing
    assert ask.done("start", DATA).state == "running"


def test_a_restart_is_a_new_start_of_the_same_container(stack: TestbedStack, ask: Operator) -> None:
    before = found(stack, DATA)
    after = ask.done("restart", DATA)
    assert (after.state, after.container_id) == ("running", before.container_id)
    assert before.started_at is not None
    assert after.started_at > before.started_at
    stack.gate().wait()


@pytest.mark.parametrize(
    ("verb", "state"),
    [("start", "running"), ("stop", "exited"), ("kill", "exited"), ("restart", "running")],
)
def test_a_paused_container_obeys_too(
    stack: TestbedStack, ask: Operator, verb: str, state: str
) -> None:
    container = stack.container_id(DATA)
    docker("pause", container)
    assert ask.done(verb, DATA).state == state
    assert ask.done("start", DATA).state == "running"


def test_a_list_is_answered_while_a_stop_takes_its_time(stack: TestbedStack, ask: Operator) -> None:
    container = stack.container_id(DATA)
    docker("exec", container, "sh", "-c", "kill -STOP -1")  # it cannot end gracefully
    content = {"msg_type": "stop", "namespace": stack.namespace, "program": DATA, "timeout": 4}
    key = ask.send(json.dumps(content))
    started = time.monotonic()
    assert isinstance(ask.ask("list"), Done)
    assert time.monotonic() - started < 3
    stopped = ask.reply_to(key)
    assert stopped.field("containers")[0].exit_code == 137, "SIGKILL after the time limit"
    assert time.monotonic() - started > 3
    assert ask.done("start", DATA).state == "running"


def test_a_command_that_is_sent_twice_is_carried_out_once(
    stack: TestbedStack, ask: Operator
) -> None:
    same = {"message_id": str(uuid4())}
    first = ask.done("restart", DATA, **same)
    second = ask.done("restart", DATA, **same)
    assert first == second
    assert found(stack, DATA).started_at == first.started_at


# --- What it refuses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"program": "postgres"}, "postgres is not an agent of this testbed; agents here: exam"),
        ({"program": "supervisor"}, "supervisor is not an agent of this testbed"),
        ({"program": "../x"}, "program"),
        ({"program": "a;b"}, "program"),
        ({"program": "x" * 200}, "program"),
        ({"program": DATA, "timeout": "soon"}, "timeout"),
        ({"program": DATA, "expires_at": "2026-01-01T00:00:00Z"}, "expired"),
        ({}, "neither a program nor an instance_name"),
    ],
)
def test_what_does_not_name_an_agent_here_is_refused(
    stack: TestbedStack, ask: Operator, fields: dict[str, Any], reason: str
) -> None:
    before = stack.session.containers.all()
    for verb in ("start", "stop", "restart", "kill"):
        assert reason in ask.refused(verb, **fields)
    after = {one.container_id: one.started_at for one in stack.session.containers.all()}
    assert after == {one.container_id: one.started_at for one in before}


@pytest.mark.parametrize("service", ["postgres", "activemq", "supervisor"])
def test_the_backend_is_refused_by_its_container_too(
    stack: TestbedStack, ask: Operator, service: str
) -> None:
    whom = {"instance_name": service, "container_id": stack.container_id(service)}
    assert "belongs to an agent of this testbed" in ask.refused("kill", **whom)
    assert found(stack, service).state == "running"


def test_an_agent_of_another_project_is_refused(stack: TestbedStack, ask: Operator) -> None:
    labels = {
        "com.docker.compose.project": f"{stack.session.project.name}-other",
        "com.docker.compose.service": DATA,
        "com.docker.compose.oneoff": "False",
        "org.epic.testbed.role": "agent",
    }
    options = [f"--label={name}={value}" for name, value in labels.items()]
    image = found(stack, DATA).image
    other = docker("create", *options, image, "sleep", "100")
    try:
        docker("start", other)
        whom = {"instance_name": "x", "container_id": other}
        assert "belongs to an agent of this testbed" in ask.refused("kill", **whom)
        listed = ask.ask("list").field("containers")
        assert other not in [told.container_id for told in listed]
        assert docker("inspect", "--format", "{{.State.Status}}", other) == "running"
    finally:
        docker("rm", "--force", other)


def test_an_unknown_verb_is_refused_with_those_that_there_are(ask: Operator) -> None:
    assert ask.refused("exec", program=DATA) == (
        "'exec' is none of: list, start, stop, restart, kill"
    )


# --- What it survives -----------------------------------------------------------------------


def test_garbage_is_refused_or_a_dead_letter_and_the_supervisor_stays_up(
    stack: TestbedStack, ask: Operator, viewer: Api
) -> None:
    before = found(stack, "supervisor")
    for garbage in ("", "no json", "[1]", '{"msg_type": "stop"', '{"msg_type": {"a": 1}}'):
        reply = ask.reply_to(ask.send(garbage))
        assert isinstance(reply, Rejected), reply
    mark = str(uuid4())
    broker = broker_of(stack, "operator")
    connection = stomp.Connection12([(broker.host, broker.port)])
    connection.connect(broker.login, broker.password, wait=True)
    body = b"\xff\x00\xfe" + mark.encode()
    connection.send(AGENT_CONTROL, body, headers={"namespace": stack.namespace})
    connection.disconnect()
    eventually(
        lambda: any(mark in row["body"] for row in viewer.get("dead-letters/")),
        "garbage that nobody can be told of is a dead letter",
    )
    assert isinstance(ask.ask("list"), Done)
    assert found(stack, "supervisor").started_at == before.started_at


def test_a_supervisor_that_is_killed_comes_back_and_serves(
    stack: TestbedStack, ask: Operator
) -> None:
    before = found(stack, "supervisor")
    docker("exec", before.container_id, "sh", "-c", "kill -9 -1 || true")
    eventually(
        lambda: (
            found(stack, "supervisor").started_at != before.started_at
            and found(stack, "supervisor").health == "healthy"
        ),
        "the engine has started it again",
    )
    assert isinstance(ask.ask("list"), Done)


def test_without_a_running_supervisor_who_asks_for_a_stop_soon_knows(
    stack: TestbedStack, operator: Api
) -> None:
    supervisor = stack.container_id("supervisor")
    docker("kill", supervisor)
    started = time.monotonic()
    answer = operator.post(f"supervised-agents/{DATA}/stop/")
    assert time.monotonic() - started < 6
    assert answer.status_code == 503
    assert "No supervisor of namespace" in answer.json()["detail"]
    docker("start", supervisor)
    eventually(lambda: found(stack, "supervisor").health == "healthy", "it serves again")


def test_a_supervisor_that_is_switched_off_is_stopped_and_comes_back(stack: TestbedStack) -> None:
    assert stack.command("up", "--set", "supervisor.enabled=false").returncode == 0
    assert found(stack, "supervisor").state == "exited"
    assert stack.command("up").returncode == 0
    assert found(stack, "supervisor").health == "healthy"
