"""An agent that cannot become ready: the right exit code in time, agent, reason and logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from swf_common.broker.publisher import Publisher
from swf_common.protocol.destinations import EPICTOPIC
from swf_common.protocol.message import Message
from testbed.gate.waiting import AgentsNotReady
from testbed.integration import TestbedStack
from tests.broker import broker_of
from tests.engine import docker
from tests.rest import Api
from tests.stacks import WITH_PORTS, running
from tests.waiting import eventually

VICTIM = "example-processing-agent"


@pytest.fixture(scope="module")
def own() -> Iterator[TestbedStack]:
    """A stack of its own, since these tests spoil it."""
    with running(files=(*WITH_PORTS, "tests/acceptance/broken_agents.yaml")) as stack:
        yield stack


def up(
    own: TestbedStack, *, default_time: bool = False, **environment: str
) -> tuple[int, str, float]:
    """`testbed up` with 15 s to READY, or the default time; exit code, stderr, seconds."""
    before = dict(own.environment)
    own.environment.update(environment)
    started = time.monotonic()
    try:
        done = own.command("up", *([] if default_time else ["--timeout", "15"]))
    finally:
        own.environment.clear()
        own.environment.update(before)
    return done.returncode, done.stderr, time.monotonic() - started


def check_explained(output: str, reason: str, log_line: str) -> None:
    """The failing agent is named with its reason, its log and the next command."""
    assert f"{VICTIM} is not READY after" in output
    assert reason in output
    assert log_line in output
    assert f"testbed logs {VICTIM}" in output
    assert "Traceback" not in output


def test_an_agent_that_cannot_start_is_named_with_reason_and_log(own: TestbedStack) -> None:
    code, output, seconds = up(own, TEST_AGENT_MODULE="no_such_module")
    assert code == 4, output
    check_explained(output, "restart loop", "No module named no_such_module")
    assert seconds < 60


def test_a_refused_login_is_not_ready_with_its_reason_in_the_default_time(
    own: TestbedStack,
) -> None:
    """Should its container become unhealthy meanwhile, that does not cut the 90 s short."""
    code, output, _ = up(own, default_time=True, TEST_AGENT_LOGIN="stranger")
    assert code == 3, output
    assert f"{VICTIM} is not READY after 90 s: STARTING" in output
    reason = "User name [stranger] or password is invalid"
    check_explained(output, reason, "no connection to the broker")


def test_an_agent_whose_handler_hangs_does_not_pass_the_gate_and_mends_itself(
    own: TestbedStack,
) -> None:
    """It restarts itself until its message is a dead letter; from then on it is READY again."""
    before = dict(own.environment)
    own.environment["TEST_AGENT_PROGRAM"] = "hanging-agent"
    try:
        assert own.command("up").returncode == 0
        hang = {"msg_type": "hang", "namespace": own.namespace, "message_id": str(uuid4())}
        publish(own, hang)

        def hanging() -> bool:
            return "ERROR" in [
                agent.agent.status for agent in own.gate().check().agents if agent.agent
            ]

        eventually(hanging, "the agent says that its handler hangs", 30)
        with pytest.raises(AgentsNotReady) as refusal:
            own.gate(timeout=0.5).wait()
        reason = "PROCESSING, but ERROR: a handler does not return: hang"
        assert f"{VICTIM} is not READY after 1 s: {reason}" in str(refusal.value)
        assert "Its limit is 3 s" in str(refusal.value)
        assert reason in own.command("status").stdout

        def letters() -> list[Any]:
            rows = Api(own, "viewer").get("dead-letters/", message_type="hang")
            return [row for row in rows if row["message_id"] == hang["message_id"]]

        (letter,) = eventually(letters, "five tries of nine seconds each", 150)
        assert letter["destination"].endswith("-hanging-agent.epictopic")
        eventually(lambda: own.gate().check().ready, "it stays up without the message", 60)
        (restarted,) = [one for one in own.session.containers.all() if one.program == VICTIM]
        assert restarted.restart_count == 5
    finally:
        own.environment.clear()
        own.environment.update(before)
    assert up(own)[0] == 0


def publish(own: TestbedStack, message: dict[str, str]) -> None:
    """Send a message to everybody, and wait until the broker has it."""
    publisher = Publisher(broker_of(own), "test")
    publisher.start()
    publisher.publish(EPICTOPIC, Message.model_validate(message))
    assert publisher.flush(20)
    publisher.stop()


def test_a_paused_agent_does_not_pass_the_gate(own: TestbedStack) -> None:
    assert up(own)[0] == 0
    victim = own.container_id(VICTIM)
    docker("pause", victim)
    try:
        code, output, _ = up(own)
    finally:
        docker("unpause", victim)
    assert code == 3, output
    assert f"{VICTIM} is not READY" in output
    assert "paused" in output
    assert up(own)[0] == 0


def test_an_optional_agent_only_warns(own: TestbedStack) -> None:
    before = dict(own.environment)
    own.environment["TEST_AGENT_MODULE"] = "no_such_module"
    try:
        option = ("--set", "agents.processing.required=false")
        done = own.command("up", "--timeout", "15", *option)
    finally:
        own.environment.clear()
        own.environment.update(before)
    assert done.returncode == 0, done.stderr
    assert f"optional agent {VICTIM} is not ready" in done.stderr
    assert up(own)[0] == 0


def test_agents_that_are_not_enabled_are_created_and_not_started(own: TestbedStack) -> None:
    assert own.command("up", "--set", "agents.processing.enabled=false").returncode == 0
    states = {found.program: found.state for found in own.session.containers.all()}
    assert states[VICTIM] in ("created", "exited")
    assert states["example-data-agent"] == "running"
    assert own.command("up").returncode == 0
    states = {found.program: found.state for found in own.session.containers.all()}
    assert states[VICTIM] == "running"


def test_stop_agents_leaves_the_backend(own: TestbedStack) -> None:
    assert own.command("up").returncode == 0
    assert own.command("stop-agents").returncode == 0
    states = {found.program: found.state for found in own.session.containers.all()}
    assert states["monitor"] == states["activemq"] == states["postgres"] == "running"
    assert states["workflow-runner"] == states[VICTIM] == "exited"
    assert own.command("up").returncode == 0
