"""The gate: which agents have proved that they are ready.

`decide` is pure: it looks at one snapshot and says, per expected container, ready, waiting or
failed, and why. All times come from the testbed's side (engine and monitor share one host); the
clock of the command is never compared with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from swf_common.protocol.heartbeat import is_stale
from swf_common.protocol.identifiers import same_container
from swf_common.protocol.states import CONTAINER_DOWN, AgentStatus, OperationalState
from testbed.engine.inspection import Container
from testbed.monitor_client.snapshot import AgentRow, Snapshot

MAX_RESTARTS = 3
"""An agent without proof that restarted more often while the gate waited is in a restart loop."""
SETTLED_S = 30.0
"""A container that ran for so many seconds had settled: its next death is not one in a row."""


@dataclass(frozen=True)
class Expected:
    """An agent program that has to be ready, in so many containers."""

    program: str
    replicas: int = 1
    required: bool = True


class Outcome(StrEnum):
    """What the gate says of one container."""

    READY = "ready"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class AgentVerdict:
    """The outcome for one expected container; `container` is None when it does not exist."""

    program: str
    required: bool
    outcome: Outcome
    reason: str
    container: Container | None = None
    agent: AgentRow | None = None


@dataclass(frozen=True)
class Verdict:
    """The outcomes for all expected containers."""

    agents: tuple[AgentVerdict, ...]

    @property
    def ready(self) -> bool:
        """Whether every required agent is ready."""
        return not self.missing

    @property
    def failed(self) -> tuple[AgentVerdict, ...]:
        """Required agents that will not become ready."""
        return tuple(agent for agent in self.missing if agent.outcome == Outcome.FAILED)

    @property
    def missing(self) -> tuple[AgentVerdict, ...]:
        """Required agents that are not ready."""
        return tuple(
            agent for agent in self.agents if agent.required and agent.outcome != Outcome.READY
        )


def decide(
    namespace: str,
    expected: Iterable[Expected],
    containers: Iterable[Container],
    snapshot: Snapshot | None,
    restarts: Mapping[str, int] | None = None,
) -> Verdict:
    """Which expected agents are ready.

    :param containers: all containers of the project's agents
    :param snapshot: what the monitor knows; None while it does not answer
    :param restarts: by container id, the restarts that happened before the gate began to wait: the
        engine's count goes on over runs
    """
    by_program: dict[str, list[Container]] = {}
    for container in containers:
        by_program.setdefault(container.program, []).append(container)
    verdicts = []
    for want in expected:
        existing = sorted(by_program.get(want.program, []), key=_preference)[: want.replicas]
        for container in existing:
            earlier = (restarts or {}).get(container.container_id, 0)
            outcome, reason, agent = _judge(namespace, container, snapshot, earlier)
            verdicts.append(
                AgentVerdict(want.program, want.required, outcome, reason, container, agent)
            )
        for _ in range(want.replicas - len(existing)):
            verdicts.append(
                AgentVerdict(want.program, want.required, Outcome.FAILED, "has no container")
            )
    return Verdict(tuple(verdicts))


def newest_agent(namespace: str, container_id: str, agents: Iterable[AgentRow]) -> AgentRow | None:
    """The agent of a container that reported last, in this namespace."""
    own = [
        row
        for row in agents
        if row.received_at is not None
        and row.namespace == namespace
        and row.container_id is not None
        and same_container(row.container_id, container_id)
    ]
    return max(own, key=lambda row: row.received_at or datetime.min, default=None)


def _preference(container: Container) -> tuple[bool, str]:
    """Running containers first: a left-over stopped one must not take their place."""
    return container.state not in ("running", "restarting", "paused"), container.container_id


def _judge(
    namespace: str, container: Container, snapshot: Snapshot | None, earlier_restarts: int
) -> tuple[Outcome, str, AgentRow | None]:
    agent = newest_agent(namespace, container.container_id, snapshot.agents) if snapshot else None
    if container.state in CONTAINER_DOWN:
        return Outcome.FAILED, _not_running(container), agent
    if container.state == "running":
        if snapshot is None:
            reason = "the monitor does not answer"
        else:
            reason = _missing_proof(container, agent, snapshot.now)
    else:
        way_out = " (docker unpause lets it go on)" if container.state == "paused" else ""
        reason = f"container is {container.state}{way_out}"
    if not reason:
        return Outcome.READY, "", agent
    restarts = container.restart_count - earlier_restarts
    if restarts > MAX_RESTARTS and not _has_settled(container, snapshot):
        loop = f"restart loop: restarted {restarts} times"
        if container.state == "restarting":  # one that runs has lost its last exit code
            loop += f", last exit code {container.exit_code}"
        return Outcome.FAILED, loop, agent
    return Outcome.WAITING, reason, agent


def _has_settled(container: Container, snapshot: Snapshot | None) -> bool:
    """Whether a container has been up for so long that its restarts are past."""
    if container.state != "running" or snapshot is None or container.started_at is None:
        return False
    return (snapshot.now - container.started_at).total_seconds() >= SETTLED_S


def _not_running(container: Container) -> str:
    """Why a container that is not up will not become ready by itself."""
    if container.state == "created":
        return "container was created but not started"
    if container.exit_code == 0:
        return "container is stopped (testbed up starts it)"
    return f"container exited with code {container.exit_code}"


def _missing_proof(container: Container, agent: AgentRow | None, now: datetime) -> str:
    """What is missing until a running container's agent is ready; empty when nothing is."""
    if agent is None or agent.received_at is None:
        return "no heartbeat from this container yet"
    if container.started_at is None or agent.received_at < container.started_at:
        return "no heartbeat since the container's last start"
    age_s = (now - agent.received_at).total_seconds()
    if is_stale(age_s, agent.heartbeat_interval):
        return f"last heartbeat ({agent.operational_state}) is {age_s:.0f} s old"
    if agent.operational_state not in (OperationalState.READY, OperationalState.PROCESSING):
        note = f": {agent.description}" if agent.description else ""
        return f"{agent.operational_state}{note}"
    if agent.status != AgentStatus.OK:
        note = f": {agent.description}" if agent.description else ""
        return f"{agent.operational_state}, but {agent.status}{note}"
    if container.health == "unhealthy":
        return "READY, but its container is unhealthy"
    return ""
