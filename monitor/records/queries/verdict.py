"""How the testbed is, in one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from monitor.records.queries.agents import ABLE
from swf_common.protocol.states import AgentStatus, OperationalState

Word = Literal["ready", "running", "degraded", "not ready"]
RUNNER = "workflow-runner"
"""The program without which no workflow runs."""
NO_RUNNER = f"no {RUNNER} is READY"
RECORDER_SILENT_S = 10.0
"""The recorder notes each second that it is at work."""
RECORDER_BEHIND_S = 5.0
LONGEST_REASON = 200
STARTING_S = 60.0
"""Seconds that an agent may be STARTING."""


@dataclass(frozen=True)
class AgentFacts:
    """What the verdict looks at of an agent that has not exited.

    :param fresh: heard of within three of its own intervals
    :param known_s: seconds since it was first heard of
    :param description: what it says of itself
    """

    instance_name: str
    program: str
    operational_state: str
    status: str
    fresh: bool
    known_s: float
    description: str = ""

    @property
    def healthy(self) -> bool:
        return self.operational_state in ABLE and self.status == AgentStatus.OK and self.fresh


@dataclass(frozen=True)
class Snapshot:
    """What the verdict follows from.

    :param lost: programs of which an agent has died lately and no other is there
    :param recorder_silent_s: seconds since the recorder was last at work; None: never
    :param recorder_lag_s: seconds from sending to commit, of its last batch
    :param running: executions that run
    :param dead_letters: messages that no agent could handle, still open
    """

    broker_connected: bool
    recorder_silent_s: float | None
    recorder_lag_s: float = 0.0
    agents: Sequence[AgentFacts] = ()
    lost: Sequence[str] = ()
    running: Sequence[str] = ()
    dead_letters: int = 0


@dataclass(frozen=True)
class Verdict:
    """The verdict.

    :param troubles: what is wrong, each with what to do
    """

    word: Word
    sentence: str
    troubles: list[str] = field(default_factory=list)

    @property
    def tone(self) -> str:
        return {"ready": "ok", "running": "ok", "degraded": "bad", "not ready": "warn"}[self.word]


def judge(seen: Snapshot) -> Verdict:
    """The verdict on a snapshot: trouble first, then what runs, then what could run."""
    troubles = [*_of_backend(seen), *_of_agents(seen)]
    running = ", ".join(seen.running)
    if troubles:
        what = f"{running} is running, but " if running else ""
        more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
        return Verdict("degraded", f"{what}{troubles[0]}{more}", troubles)
    if running:
        return Verdict("running", f"{running} is running")
    because = obstacle(seen)
    if because:
        return Verdict("not ready", f"{because}: testbed up starts one")
    able = sum(agent.healthy for agent in seen.agents)
    return Verdict("ready", f"{able} {'agent is' if able == 1 else 'agents are'} ready")


def obstacle(seen: Snapshot) -> str | None:
    """Why a workflow cannot be started now; None when it can."""
    if seen.running:
        return f"{seen.running[0]} is running, and a runner runs one workflow at a time"
    if not seen.broker_connected:
        return "the monitor has no connection to the broker"
    if not any(agent.program == RUNNER and agent.healthy for agent in seen.agents):
        return NO_RUNNER
    return None


def _of_backend(seen: Snapshot) -> list[str]:
    troubles = []
    if not seen.broker_connected:
        troubles.append("the monitor has no connection to the broker: testbed logs activemq")
    silent = seen.recorder_silent_s
    if silent is None or silent > RECORDER_SILENT_S:
        since = "" if silent is None else f" for {silent:.0f} s"
        troubles.append(f"the recorder has not been at work{since}: testbed logs recorder")
    elif seen.recorder_lag_s > RECORDER_BEHIND_S:
        troubles.append(f"the recorder is {seen.recorder_lag_s:.0f} s behind the broker")
    if seen.dead_letters:
        letters = "dead letter is" if seen.dead_letters == 1 else "dead letters are"
        troubles.append(f"{seen.dead_letters} {letters} open: look, then retry or discard")
    return troubles


def _of_agents(seen: Snapshot) -> list[str]:
    troubles = []
    for agent in seen.agents:
        name = agent.instance_name
        if not agent.fresh:
            troubles.append(f"{name} is silent: testbed logs {agent.program}")
        elif agent.operational_state == OperationalState.STARTING and agent.known_s > STARTING_S:
            troubles.append(f"{name} does not become READY: testbed logs {agent.program}")
        elif agent.operational_state in ABLE and agent.status != AgentStatus.OK:
            why = f" ({agent.description[:LONGEST_REASON]})" if agent.description else ""
            troubles.append(f"{name} is {agent.status}{why}: testbed logs {agent.program}")
    troubles += [f"{program} has died and is not back" for program in seen.lost]
    return troubles
