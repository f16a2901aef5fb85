"""How far a run has drained."""

from __future__ import annotations

from typing import NamedTuple

from swf_common.protocol.destinations import queues_of
from swf_common.protocol.progress import Progress, open_items
from testbed.gate.decision import AgentVerdict, Outcome
from testbed.gate.waiting import Gate

DRAIN_TIMEOUT_S = 90.0
"""Seconds without any progress after which a run that has ended counts as not drained."""
IDLE_TIMEOUT_S = 30.0
"""The same where no message waits and no agent is at work."""


class DrainState(NamedTuple):
    """How far a run had drained at a moment.

    :param open: what was not accounted for
    :param idle: no agent, required or not, was at work on something that could change that
    """

    progress: Progress
    open: list[str]
    idle: bool

    @property
    def timeout_s(self) -> float:
        """Seconds to wait for any progress once the workflow has ended."""
        return IDLE_TIMEOUT_S if self.idle else DRAIN_TIMEOUT_S


def drain_state(gate: Gate, progress: Progress, before: Progress | None = None) -> DrainState:
    """How far a run has drained, by the monitor's progress, the queues and the agents.

    Queues and agents are not asked while the progress moves on and itself has something open: one
    answer costs the broker as much as thirty slices.

    :param before: the progress at the last look
    :raises MonitorUnavailable, EngineUnavailable: one of them does not answer
    """
    if not progress.status.final:
        return DrainState(progress, open_items(progress, (), None, ()), idle=False)
    counted = open_items(progress, gate.plan.stages, (), ())
    if counted and progress != before:
        return DrainState(progress, counted, idle=False)
    queues, _ = gate.monitor.backlog()
    busy = [
        agent
        for agent in gate.check().agents
        if agent.outcome != Outcome.READY
        or (agent.agent and agent.agent.operational_state != "READY")
    ]
    plan = gate.plan
    own = queues_of(gate.namespace, plan.required, queues)
    required = [_state(agent) for agent in busy if agent.required]
    items = open_items(progress, plan.stages, own, required)
    idle = (
        own is not None
        and not any(one["depth"] for one in queues_of(gate.namespace, plan.programs, queues) or ())
        and all(map(_has_left, busy))
        and not progress.lacks_end  # the recorder sends it, when it trusts itself again
    )
    return DrainState(progress, items, idle)


def _state(agent: AgentVerdict) -> str:
    """Why an agent keeps a run open; without a time, which would look like progress."""
    return f"{agent.program} is {'at work' if agent.outcome == Outcome.READY else 'not READY'}"


def _has_left(agent: AgentVerdict) -> bool:
    """Whether an agent that is not READY was stopped on purpose: it will not come back."""
    container = agent.container
    return container is not None and container.state == "exited" and container.exit_code == 0
