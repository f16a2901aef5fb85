"""Agents' containers: listed, started, stopped, restarted and killed by the supervisor."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from django.conf import settings
from django.utils import timezone

from monitor.control.commands import NoAnswer, Refused, control, sender_of
from monitor.records.models import SystemAgent
from monitor.records.queries.agents import SHORT_ID, newest_in, present
from swf_common.protocol.agent_control import (
    AgentCommand,
    AgentContainerState,
    Done,
    KillAgent,
    ListAgents,
    Rejected,
    RestartAgent,
    StartAgent,
    StopAgent,
)
from swf_common.protocol.states import CONTAINER_DOWN, AgentStatus, OperationalState

log = logging.getLogger(__name__)

VERBS: dict[str, Callable[..., AgentCommand]] = {
    "start": StartAgent,
    "stop": StopAgent,
    "restart": RestartAgent,
    "kill": KillAgent,
}
DONE = {"stop": "stopped", "restart": "restarted", "kill": "killed"}


def containers(asked_by: str, patience: float | None = None) -> list[AgentContainerState]:
    """Every agent container of the testbed, as the engine reports it now, also those that were
    only created.

    :param patience: seconds to wait; default: as long as it may take
    :raises Refused: the supervisor could not find out
    :raises NoAnswer: no supervisor answers
    """
    return _ask(ListAgents(), asked_by, patience)


def with_agents(
    found: Sequence[AgentContainerState],
) -> list[tuple[AgentContainerState, SystemAgent | None]]:
    """Containers, each with the newest agent instance that has reported from it, if any."""
    newest = newest_in(one.container_id for one in found)
    return [(one, newest.get(one.container_id)) for one in found]


def act(
    asked_by: str, verb: str, program: str, timeout: int | None = None
) -> list[AgentContainerState]:
    """Start, stop, restart or kill every container of a program; how they are afterwards.

    :param verb: one of `VERBS`
    :param timeout: seconds that a stop may take before SIGKILL; default: the service's own
    :raises Refused: it was not done, or its effect was not seen
    :raises NoAnswer: no supervisor answers
    """
    return _act(VERBS[verb](program=program, timeout=timeout), asked_by)


def kill(asked_by: str, agent: SystemAgent) -> AgentContainerState:
    """Kill the container of one agent instance; how it is afterwards.

    :raises Refused: the agent has no container, or it was not killed
    :raises NoAnswer: no supervisor answers
    """
    if not agent.container_id:
        raise Refused(
            f"{agent.instance_name} has told no container id: it does not run in a container of "
            "this testbed, and cannot be killed from here."
        )
    command = KillAgent(instance_name=agent.instance_name, container_id=agent.container_id)
    (container,) = _act(command, asked_by)
    return container


def _act(command: AgentCommand, asked_by: str) -> list[AgentContainerState]:
    found = _ask(command, asked_by)
    if command.msg_type in DONE:
        for container in found:
            _retire(container, f"{DONE[command.msg_type]} by {asked_by}")
    return found


def _ask(
    command: AgentCommand, asked_by: str, patience: float | None = None
) -> list[AgentContainerState]:
    whom = command.instance_name or command.program or "every agent"
    acts = command.msg_type != "list"
    named = {
        "namespace": settings.TESTBED_NAMESPACE,
        "sender": sender_of(asked_by),
        "requested_by": asked_by[:200],
    }
    try:
        reply = control().ask_supervisor(command.model_copy(update=named), patience)
    except NoAnswer as error:
        if acts:
            log.warning("%s asked: %s %s: %s", asked_by, command.msg_type, whom, error)
        raise
    if isinstance(reply, Done):
        if acts:
            states = ", ".join(f"{one.name} {one.state}" for one in reply.containers)
            log.info("%s asked: %s %s: done: %s", asked_by, command.msg_type, whom, states)
        return reply.containers
    reason = reply.reason if isinstance(reply, Rejected) else f"it answered {reply.msg_type}"
    log.warning("%s asked: %s %s: rejected: %s", asked_by, command.msg_type, whom, reason)
    raise Refused(reason)


def _retire(container: AgentContainerState, why: str) -> None:
    """Let the instances that cannot be alive in a container count as EXITED at once: all of them
    in one that is down, in a running one those from before its last start.
    """
    gone = present(container_id__in=(container.container_id, container.container_id[:SHORT_ID]))
    if container.state not in CONTAINER_DOWN:
        if container.started_at is None:
            return
        gone = gone.filter(last_heartbeat__lt=container.started_at)
    gone.update(
        operational_state=OperationalState.EXITED,
        status=AgentStatus.EXITED,
        description=why,
        updated_at=timezone.now(),
    )
