"""The monitor with its agents and executions, in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from swf_common.protocol.progress import BUILT_IN, Progress, built_in_stages
from swf_common.protocol.states import AgentStatus, ExecutionStatus, OperationalState
from testbed.engine.inspection import Container
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import MonitorRefused, MonitorUnavailable, WorkflowRefused
from testbed.monitor_client.snapshot import AgentRow, Snapshot
from testbed.testing.clock import EPOCH, FakeClock
from testbed.testing.queues import FakeQueues


class FakeMonitor(FakeQueues, Monitor):
    """A monitor with its agents, its executions and its view of the broker.

    While `away` every question fails as it does when the real one cannot be reached. A workflow
    that is stopped ends after `stopping_s` seconds.

    :param clock: the monitor's time
    """

    def __init__(self, clock: FakeClock | None = None, namespace: str = "torre1") -> None:
        super().__init__()
        self.clock = clock or FakeClock()
        self.namespace = namespace
        self.away = False
        self.refusal = ""
        self.commands: list[dict[str, Any]] = []
        self.agents: dict[str, AgentRow] = {}
        self.executions: dict[str, Progress] = {}
        self.queues: list[dict[str, Any]] | None = [
            {"queue": f"Consumer.{namespace}-recorder.epictopic", "depth": 0}
        ]
        self.parameters: dict[str, dict[str, Any]] = {}
        self.reports: dict[str, dict[str, Any]] = {}
        self.incidents: dict[str, list[dict[str, Any]]] = {}
        self.dead_letters = 0
        self.stopping_s = 0.0

    def snapshot(self, namespace: str) -> Snapshot:
        self._answer()
        rows = [row for row in self.agents.values() if row.namespace == namespace]
        return Snapshot(self.clock.now, rows)

    def start_workflow(self, command: dict[str, Any]) -> str:
        self._answer()
        self.commands.append(command)
        running = [execution.execution_id for execution in self._running()]
        reason = self.refusal or (f"{running[0]} is running" if running else "")
        if reason:
            raise WorkflowRefused(reason=reason)
        number = len(self.executions) + 1
        execution_id = f"{command['workflow_name']}-fake-{number:04d}"
        self.executions[execution_id] = new_progress(execution_id, run_id=str(100_009 + number))
        return execution_id

    def stop_workflow(self, execution_id: str) -> None:
        if self._find(execution_id).status.final:
            raise _refused(f"POST {execution_id}/stop/", 409, f"{execution_id} is not running")
        ended = {"status": ExecutionStatus.TERMINATED, "reason": "stopped"}
        self.clock.at(self.clock() + self.stopping_s, lambda: self.change(execution_id, **ended))
        self.clock.sleep(0)

    def progress(self, execution_id: str) -> Progress:
        return self._find(execution_id)

    def execution(self, execution_id: str) -> dict[str, Any]:
        execution = self._find(execution_id)
        ended = self.clock.now.isoformat() if execution.status.final else None
        return {
            "execution_id": execution_id,
            "namespace": self.namespace,
            "status": execution.status,
            "start_time": EPOCH.isoformat(),
            "end_time": ended,
            "parameter_values": self.parameters.get(execution_id, {}),
            "performance_metrics": {"report": self.reports[execution_id]}
            if execution_id in self.reports
            else None,
        }

    def record_report(self, execution_id: str, report: dict[str, Any]) -> None:
        self._find(execution_id)
        self.reports[execution_id] = report

    def record_incidents(self, execution_id: str, incidents: list[dict[str, Any]]) -> None:
        self._find(execution_id)
        self.incidents[execution_id] = incidents

    def running_executions(self, namespace: str) -> list[dict[str, Any]]:
        self._answer()
        if namespace != self.namespace:
            return []
        common = {"namespace": namespace, "start_time": EPOCH.isoformat(), "executed_by": "fake"}
        return [
            {
                "execution_id": execution.execution_id,
                "run_number": int(execution.run_id or 0),
                "status": execution.status,
                **common,
            }
            for execution in self._running()
        ]

    def latest_executions(self, namespace: str, limit: int) -> list[dict[str, Any]]:
        self._answer()
        if namespace != self.namespace:
            return []
        newest = list(reversed(self.executions.values()))[:limit]
        return [
            {
                **self.execution(execution.execution_id),
                "run_number": int(execution.run_id or 0),
                "executed_by": "fake",
            }
            for execution in newest
        ]

    def backlog(self) -> tuple[list[dict[str, Any]] | None, int]:
        self._answer()
        return self.queues, self.dead_letters

    def heartbeat(self, container: Container, **facts: Any) -> AgentRow:
        """Take a heartbeat of a container's agent now: READY and OK unless `facts` differ."""
        name = f"{container.program}-{container.container_id[:4]}"
        ready, ok = OperationalState.READY, AgentStatus.OK
        row = AgentRow(name, self.namespace, container.container_id, ready, ok, self.clock.now, 5.0)
        row = replace(row, **facts)
        self.agents[row.instance_name] = row
        return row

    def change(self, execution_id: str, **facts: Any) -> Progress:
        """Let an execution come further (fields of `Progress`); where it is now."""
        changed = replace(self.executions[execution_id], **facts)
        self.executions[execution_id] = with_stages(changed)
        return self.executions[execution_id]

    def _answer(self) -> None:
        if self.away:
            raise MonitorUnavailable(cause="it was told to be away")

    def _find(self, execution_id: str) -> Progress:
        self._answer()
        if execution_id not in self.executions:
            raise _refused(f"GET {execution_id}/progress/", 404, "not found")
        return self.executions[execution_id]

    def _running(self) -> list[Progress]:
        return [execution for execution in self.executions.values() if not execution.status.final]


def _refused(request: str, status: int, text: str) -> MonitorRefused:
    method, _, path = request.partition(" ")
    return MonitorRefused(
        request=f"{method} /api/workflow-executions/{path}", status=status, text=text
    )


def new_progress(execution_id: str = "stf_datataking-fake-0001", **facts: Any) -> Progress:
    """The progress of an execution that has just begun, but for `facts` (fields of `Progress`)."""
    begun = replace(Progress.unknown(execution_id), run_id="100010")
    return with_stages(replace(begun, **facts))


def with_stages(progress: Progress) -> Progress:
    """A progress whose stages go with its other counts; those that agents record stay."""
    built_in = built_in_stages(
        progress.stf, progress.tfs, progress.slices, sampled=progress.stf_sampled
    )
    seen = {stage: counts for stage, counts in built_in.items() if any(counts.values())}
    own = {stage: counts for stage, counts in progress.stages.items() if stage not in BUILT_IN}
    return replace(progress, stages={**seen, **own})
