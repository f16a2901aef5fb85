"""How a testbed is at this moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from swf_common.errors import BackendError, ExitCode
from swf_common.protocol.states import OperationalState
from testbed.engine.inspection import Container
from testbed.gate.decision import AgentVerdict, Expected, Outcome, Verdict, decide
from testbed.gate.plan import Plan
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import MonitorRefused
from testbed.monitor_client.snapshot import Snapshot
from testbed.output import console, queues
from testbed.stack import orphans
from testbed.stack.session import Session


@dataclass(frozen=True)
class Status:
    """Backend, agents, running executions.

    :param snapshot: what the monitor knows; None while it does not answer
    :param problem: why the monitor does not answer; empty when it does
    :param orphans: containers of services that compose.yaml does not have any more
    :param waiting_queues: those in which messages wait although nobody consumes them
    """

    namespace: str
    project: str
    monitor_url: str | None
    backend: tuple[tuple[str, str, str], ...]
    gate: Verdict
    executions: tuple[dict[str, Any], ...]
    dead_letters: int
    snapshot: Snapshot | None
    problem: str
    orphans: tuple[Container, ...] = ()
    waiting_queues: tuple[dict[str, Any], ...] = ()

    @property
    def backend_ok(self) -> bool:
        return not self.problem and all(
            state == "running" and health in ("healthy", "-") for _, state, health in self.backend
        )

    @property
    def ready(self) -> bool:
        return self.backend_ok and self.gate.ready

    @property
    def exit_code(self) -> ExitCode:
        if not self.backend_ok:
            return ExitCode.BACKEND
        if any(
            agent.outcome == Outcome.FAILED and (not agent.container or agent.container.exit_code)
            for agent in self.gate.missing
        ):
            return ExitCode.AGENT_DIED
        return ExitCode.NOT_READY if self.gate.missing else ExitCode.DONE

    @property
    def verdict(self) -> str:
        """One line that says how the testbed is, and why."""
        if all(state == "missing" for _, state, _ in self.backend):
            return f"{self.project} is down. Start it with: testbed up"
        if not self.backend_ok:
            ill = [
                f"{name} {state} ({health})"
                for name, state, health in self.backend
                if state != "running" or health not in ("healthy", "-")
            ]
            return f"{self.project} is DEGRADED: " + ", ".join(ill or [self.problem])
        if self.gate.missing:
            names = ", ".join(f"{agent.program} ({agent.reason})" for agent in self.gate.missing)
            return f"{self.project} is NOT READY: {names}"
        if self.executions:
            names = ", ".join(row["execution_id"] for row in self.executions)
            return f"{self.project} is RUNNING {names}"
        return f"{self.project} is READY"

    def as_json(self) -> dict[str, Any]:
        """The object that `testbed status --json` prints (docs/command.md)."""
        return {
            "namespace": self.namespace,
            "project": self.project,
            "ready": self.ready,
            "verdict": self.verdict,
            "monitor_url": self.monitor_url,
            "backend": [
                {"service": name, "state": state, "health": health}
                for name, state, health in self.backend
            ],
            "agents": [self._agent(agent) for agent in self.gate.agents],
            "executions": list(self.executions),
            "dead_letters": self.dead_letters,
            "orphans": [orphans.as_json(one) for one in self.orphans],
            "waiting_queues": list(self.waiting_queues),
        }

    def lines(self) -> list[str]:
        """The same for people."""
        shown = [self.verdict]
        if self.monitor_url:
            shown.append(f"Monitor: {self.monitor_url}")
        backend = [list(row) for row in self.backend]
        shown += ["", console.table(["BACKEND", "CONTAINER", "HEALTH"], backend)]
        if self.gate.agents:
            header = ["AGENT", "CONTAINER", "STATE", "STATUS", "HEARTBEAT", "VERDICT"]
            rows = []
            for agent in self.gate.agents:
                facts = self._agent(agent)
                note = agent.reason or _occupation(agent)
                age = facts["heartbeat_age_s"]
                rows.append(
                    [
                        agent.program,
                        facts["container_state"] or "missing",
                        facts["operational_state"] or "-",
                        facts["status"] or "-",
                        "-" if age is None else f"{age:.0f} s ago",
                        facts["verdict"] + (f": {note}" if note else ""),
                    ]
                )
            shown += ["", console.table(header, rows)]
        if self.executions:
            header = ["EXECUTION", "RUN", "BY", "SINCE"]
            fields = ("execution_id", "run_number", "executed_by", "start_time")
            running = [[str(row[name]) for name in fields] for row in self.executions]
            shown += ["", console.table(header, running)]
        shown += orphans.lines(self.orphans)
        shown += queues.abandoned_lines(self.waiting_queues)
        if self.dead_letters:
            shown += ["", f"Dead letters: {self.dead_letters} (testbed dead-letters)"]
        return shown

    def _agent(self, verdict: AgentVerdict) -> dict[str, Any]:
        container, agent = verdict.container, verdict.agent
        age = (
            (self.snapshot.now - agent.received_at).total_seconds()
            if self.snapshot and agent and agent.received_at
            else None
        )
        return {
            "program": verdict.program,
            "container_id": container.container_id if container else None,
            "container_state": container.state if container else None,
            "instance_name": agent.instance_name if agent else None,
            "operational_state": agent.operational_state if agent else None,
            "status": agent.status if agent else None,
            "description": agent.description if agent else None,
            "heartbeat_age_s": None if age is None else round(max(0.0, age), 1),
            "required": verdict.required,
            "verdict": str(verdict.outcome),
            "reason": verdict.reason,
        }


def _occupation(verdict: AgentVerdict) -> str:
    """What an agent is at work on, as it says itself."""
    agent = verdict.agent
    busy = agent is not None and agent.operational_state == OperationalState.PROCESSING
    return agent.description if agent is not None and busy else ""


def read_status(session: Session) -> Status:
    """Look at a testbed."""
    namespace = session.project.namespace
    snapshot: Snapshot | None = None
    executions: list[dict[str, Any]] = []
    depths: list[dict[str, Any]] | None = None
    dead_letters, problem = 0, ""
    with session.reading_services():
        containers = session.containers.all()
        try:
            monitor: Monitor = session.monitor()
            snapshot = monitor.snapshot(namespace)
            executions = monitor.running_executions(namespace)
            depths, dead_letters = monitor.backlog()
        except (BackendError, MonitorRefused) as error:
            problem = str(error)
    expected = (*session.plan.expected, *_beside(session.plan, containers))
    backend = tuple(
        (name, *_backend_state(name, containers))
        for name in session.plan.backend
        if not session.services[name].one_shot
    )
    return Status(
        namespace=namespace,
        project=session.project.name,
        monitor_url=session.monitor_url(),
        backend=backend,
        gate=decide(namespace, expected, containers, snapshot),
        executions=tuple(
            {
                name: row[name]
                for name in ("execution_id", "run_number", "status", "start_time", "executed_by")
            }
            for row in executions
        ),
        dead_letters=dead_letters,
        snapshot=snapshot,
        problem=problem,
        orphans=tuple(orphans.find_orphans(containers, session.services)),
        waiting_queues=tuple(queues.abandoned(namespace, depths or ())),
    )


def _beside(plan: Plan, containers: list[Container]) -> list[Expected]:
    """Agents that run although the configuration does not enable them, as another workflow's do."""
    running = Counter(one.program for one in containers if one.state == "running")
    return [
        Expected(name, replicas=running[name], required=False)
        for name in plan.others
        if running[name]
    ]


def _backend_state(name: str, containers: list[Container]) -> tuple[str, str]:
    for container in containers:
        if container.program == name:
            return container.state, container.health or "-"
    return "missing", "-"
