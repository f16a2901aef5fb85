"""Waiting at the gate: a thin loop around `gate.decide`, and the explanation when it stays shut."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from swf_common.errors import ExitCode, TestbedError
from testbed.engine.containers import Containers
from testbed.engine.inspection import Container
from testbed.gate.decision import AgentVerdict, Outcome, Verdict, decide
from testbed.gate.plan import Plan
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import MonitorUnavailable
from testbed.monitor_client.snapshot import Snapshot
from testbed.output import console

POLL_S = 0.1
MARKS = {Outcome.READY: "ready  ", Outcome.WAITING: "waiting", Outcome.FAILED: "FAILED "}


class AgentsNotReady(TestbedError):
    """{text}"""

    exit_code = ExitCode.NOT_READY


class AgentsFailed(AgentsNotReady):
    """{text}"""

    exit_code = ExitCode.AGENT_DIED


@dataclass
class Gate:
    """Waits until every agent of a plan has proved that it is ready.

    :param timeout: seconds for all agents; None: each program's own `ready_timeout`
    """

    namespace: str
    plan: Plan
    containers: Containers
    monitor: Monitor
    timeout: float | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    history: list[tuple[float, str]] = field(default_factory=list)
    _restarts: dict[str, int] | None = None

    def check(self) -> Verdict:
        """The present verdict."""
        snapshot: Snapshot | None
        try:
            snapshot = self.monitor.snapshot(self.namespace)
        except MonitorUnavailable:
            snapshot = None
        return self.judge(self.containers.all(), snapshot)

    def judge(self, containers: list[Container], snapshot: Snapshot | None) -> Verdict:
        """The verdict on containers and a snapshot; restarts count from the first call on."""
        if self._restarts is None:
            self._restarts = {one.container_id: one.restart_count for one in containers}
        return decide(self.namespace, self.plan.expected, containers, snapshot, self._restarts)

    def wait(self) -> Verdict:
        """Wait for the verdict that lets the workflow start.

        Optional agents are waited for as long as required ones are, and warned about.

        :raises AgentsFailed: a required agent will not become ready
        :raises AgentsNotReady: a required agent was not ready in time
        """
        started = self.clock()
        with console.Board() as board:
            while True:
                verdict = self.check()
                waited = self.clock() - started
                self._remember(waited, verdict)
                board.show([describe(agent) for agent in verdict.agents])
                if verdict.failed:
                    texts = [self._explain(agent, waited) for agent in verdict.failed]
                    raise AgentsFailed(text="\n".join(texts))
                if verdict.ready:
                    self._warn_of_optional(verdict)
                    return verdict
                limits = self.plan.ready_timeout
                late = [
                    agent
                    for agent in verdict.missing
                    if waited >= (limits[agent.program] if self.timeout is None else self.timeout)
                ]
                if late:
                    error = AgentsFailed if any(map(self._has_died, late)) else AgentsNotReady
                    texts = [self._explain(agent, waited) for agent in late]
                    raise error(text="\n".join(texts), hint="More time: --timeout SECONDS")
                self.sleep(POLL_S)

    def _has_died(self, agent: AgentVerdict) -> bool:
        """Whether an agent died while the gate waited: that is the cause, not its slowness."""
        container = agent.container
        if container is None:
            return True
        before = (self._restarts or {}).get(container.container_id, 0)
        return container.state == "restarting" or container.restart_count > before

    def _remember(self, waited: float, verdict: Verdict) -> None:
        for agent in verdict.agents:
            line = describe(agent)
            if line not in [text for _, text in self.history]:
                self.history.append((round(waited, 3), line))

    def _warn_of_optional(self, verdict: Verdict) -> None:
        for agent in verdict.agents:
            if agent.outcome != Outcome.READY:
                console.warn(f"optional agent {agent.program} is not ready: {agent.reason}")

    def _explain(self, agent: AgentVerdict, waited: float) -> str:
        """Reason, container, last probe, last heartbeat, last log lines, next step."""
        lines = [f"{agent.program} is not READY after {waited:.0f} s: {agent.reason}"]
        container = agent.container
        if container is not None:
            evidence = self.containers.evidence(container.container_id)
            lines.append(
                f"  container {container.container_id[:12]}: {container.state}, "
                f"health {container.health or 'not checked'}, exit code {container.exit_code}, "
                f"{container.restart_count} restarts"
            )
            if evidence.last_probe:
                lines.append(f"  last health probe: {evidence.last_probe}")
            beat = agent.agent
            lines.append(
                f"  last heartbeat: {beat.operational_state}, {beat.status} at "
                f"{beat.received_at:%H:%M:%S} UTC from {beat.instance_name}"
                + (f": {beat.description}" if beat.description else "")
                if beat and beat.received_at
                else "  last heartbeat: none"
            )
            lines.append("  last log lines:")
            lines += [f"    {line}" for line in evidence.log_lines] or ["    (none)"]
        lines.append(f"  try: testbed logs {agent.program}")
        return "\n".join(lines)


def describe(agent: AgentVerdict) -> str:
    """One line on one agent."""
    container = agent.container.container_id[:12] if agent.container else "-" * 12
    mark = MARKS[agent.outcome]
    name = f"{agent.program} {container}"
    if agent.outcome == Outcome.READY and agent.agent:
        return f"  {mark} {name} {agent.agent.instance_name}"
    return f"  {mark} {name} {agent.reason}"
