"""How the testbed is, in one line. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from monitor.records.models import SystemAgent
from monitor.records.queries.agents import ABLE, heard_of
from monitor.records.queries.testbed import Snapshot
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
    running = ", ".join(execution.execution_id for execution in seen.running)
    if troubles:
        what = f"{running} is running, but " if running else ""
        more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
        return Verdict("degraded", f"{what}{troubles[0]}{more}", troubles)
    if running:
        return Verdict("running", f"{running} is running")
    because = obstacle(seen)
    if because:
        return Verdict("not ready", f"{because}: testbed up starts one")
    able = len(healthy(seen))
    return Verdict("ready", f"{able} {'agent is' if able == 1 else 'agents are'} ready")


def healthy(seen: Snapshot) -> list[SystemAgent]:
    """The agents that can work: READY or PROCESSING, status OK, and heard of."""
    able = [agent for agent in seen.agents if agent.operational_state in ABLE]
    return [one for one in able if one.status == AgentStatus.OK and heard_of(one, seen.now)]


def obstacle(seen: Snapshot) -> str | None:
    """Why a workflow cannot be started now; None when it can."""
    if seen.running:
        return (
            f"{seen.running[0].execution_id} is running, and a runner runs one workflow at a time"
        )
    if not seen.broker_connected:
        return "the monitor has no connection to the broker"
    if not any(_name_of(agent) == RUNNER for agent in healthy(seen)):
        return NO_RUNNER
    return None


def _of_backend(seen: Snapshot) -> list[str]:
    troubles = []
    if not seen.broker_connected:
        troubles.append("the monitor has no connection to the broker: testbed logs activemq")
    recorder = seen.recorder
    silent_s = (seen.now - recorder.updated_at).total_seconds() if recorder else None
    if recorder is None or silent_s is None or silent_s > RECORDER_SILENT_S:
        since = "" if silent_s is None else f" for {silent_s:.0f} s"
        troubles.append(f"the recorder has not been at work{since}: testbed logs recorder")
    elif recorder.lag_s > RECORDER_BEHIND_S:
        troubles.append(f"the recorder is {recorder.lag_s:.0f} s behind the broker")
    if seen.dead_letters:
        letters = "dead letter is" if seen.dead_letters == 1 else "dead letters are"
        troubles.append(f"{seen.dead_letters} {letters} open: look, then retry or discard")
    return troubles


def _of_agents(seen: Snapshot) -> list[str]:
    troubles = []
    for agent in seen.agents:
        name, where = agent.instance_name, f"testbed logs {_name_of(agent)}"
        known_s = (seen.now - agent.created_at).total_seconds()
        if not heard_of(agent, seen.now):
            troubles.append(f"{name} is silent: {where}")
        elif agent.operational_state == OperationalState.STARTING and known_s > STARTING_S:
            troubles.append(f"{name} does not become READY: {where}")
        elif agent.operational_state in ABLE and agent.status != AgentStatus.OK:
            why = f" ({agent.description[:LONGEST_REASON]})" if agent.description else ""
            troubles.append(f"{name} is {agent.status}{why}: {where}")
    troubles += [f"{program} has died and is not back" for program in seen.lost]
    return troubles


def _name_of(agent: SystemAgent) -> str:
    return agent.program or agent.agent_type
