"""Starting a workflow from the monitor: the supervisor names the agents' programs and stages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from monitor.control import agents, commands, workflows
from monitor.control.commands import Control
from swf_common.protocol.agent_control import AgentContainerState, Done
from swf_common.protocol.destinations import AGENT_CONTROL, CONTROL, WORKFLOW_CONTROL
from swf_common.protocol.message import Message
from tests.unit.stomp_server import PATIENCE_S, Frame, StompServer

DATA = {"program": "example-data-agent", "stages": ["stf.registered"]}
CONTAINERS = [
    AgentContainerState(
        program=program,
        container_id="ab" * 32,
        name=program,
        state="running",
        agent=agent,
        stages=stages,
    )
    for program, agent, stages in (
        ("example-data-agent", "data", ["stf.registered"]),
        ("example-data-agent", "data", ["stf.registered"]),
        ("no-labels", None, None),
    )
]


@pytest.fixture
def control(server: StompServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Control]:
    """The monitor's connection for commands; the runner accepts everything."""
    made = Control(server.broker)
    for module in (agents, workflows):
        monkeypatch.setattr(module, "control", lambda: made)
    monkeypatch.setattr(settings, "TESTBED_NAMESPACE", "torre1")
    made.start()
    assert made._link.wait_connected(PATIENCE_S)
    yield made
    made.stop()


def questions(server: StompServer, queue: str) -> list[Frame]:
    return [frame for frame in server.of("SEND") if frame.destination == queue]


def answer(server: StompServer, queue: str, reply: Message) -> None:
    """Answer the first question on a queue."""

    def wait_and_answer() -> None:
        server.wait(lambda: questions(server, queue), f"a question on {queue}")
        key = questions(server, queue)[0].headers["correlation-id"]
        server.deliver(reply.body(), ack=queue, correlation_id=key)

    threading.Thread(target=wait_and_answer, daemon=True).start()


def started(server: StompServer, **command: Any) -> dict[str, Any]:
    """The command that the runner gets."""
    answer(server, WORKFLOW_CONTROL, Message(msg_type="accepted", execution_id="e-1"))
    workflows.start("jane", workflow_name="stf_datataking", **command)
    (frame,) = questions(server, WORKFLOW_CONTROL)
    content: dict[str, Any] = json.loads(frame.body)
    return content


@pytest.mark.usefixtures("control")
def test_the_runner_gets_what_the_supervisor_says_of_the_agents(server: StompServer) -> None:
    answer(server, AGENT_CONTROL, Done(containers=CONTAINERS))
    assert started(server)["agents"] == {"data": DATA}


@pytest.mark.usefixtures("control")
def test_a_configuration_that_says_it_all_needs_no_question(server: StompServer) -> None:
    resolved = {"agents": {"data": {"enabled": True, **DATA}}}
    assert started(server, resolved=resolved).get("agents") in (None, {})
    assert questions(server, AGENT_CONTROL) == []


@pytest.mark.usefixtures("control")
@pytest.mark.parametrize("switched_on", [True, False])
def test_without_a_supervisor_the_workflow_starts_all_the_same(
    server: StompServer, monkeypatch: pytest.MonkeyPatch, switched_on: bool
) -> None:
    monkeypatch.setattr(settings, "TESTBED_SUPERVISOR", switched_on)
    monkeypatch.setattr(workflows, "SERVICES_TIMEOUT_S", 0.05)
    monkeypatch.setattr(commands, "STATISTICS_TIMEOUT_S", 0.05)
    assert started(server).get("agents") in (None, {})
    assert any(frame.destination == CONTROL for frame in server.of("SEND"))
