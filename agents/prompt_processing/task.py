"""The processing task of a run: open while the run's dataset is, finished with its last STF.

It stands among the metrics of the execution, under `task`. Its counts are taken from the records
each time, so that nothing is counted twice, however often a message comes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from agents.runtime.monitor import MonitorClient
from agents.runtime.parameters import ExecutionParameters
from testbed.protocol.identifiers import input_dataset, output_dataset
from testbed.protocol.messages import utc_now


class TaskStatus(StrEnum):
    """The life of a task."""

    OPEN = "open"
    """The run makes new STFs."""
    CLOSED = "closed"
    """The run has ended; some of its STFs wait."""
    FINISHED = "finished"
    """Every STF of the run is processed."""
    FAILED = "failed"
    """The same, but some STFs failed."""


class RunTasks:
    """Opens, follows and closes the tasks of executions that want one (`task_per_run`)."""

    def __init__(self, monitor: MonitorClient, parameters: ExecutionParameters) -> None:
        self._monitor = monitor
        self._parameters = parameters

    def follow(
        self,
        execution_id: str,
        run_id: str,
        *,
        closed_at: datetime | None = None,
        total: int | None = None,
    ) -> None:
        """Bring the task of a run up to date; opens it if it is not there.

        :param closed_at: when the run's dataset was closed, when that is what happened
        :param total: how many STFs the run has made, once it has ended
        """
        if not self._parameters.of(execution_id).get("task_per_run"):
            return
        path = f"workflow-executions/{execution_id}/"
        metrics = self._monitor.call("GET", path)["performance_metrics"] or {}
        progress = self._monitor.call("GET", f"{path}progress/")
        task = metrics.get("task") or {
            "task_id": f"{execution_id}-processing",
            "input_dataset": input_dataset(run_id),
            "output_dataset": output_dataset(run_id),
            "opened_at": utc_now().isoformat(),
            "closed_at": None,
            "finished_at": None,
            "total_stf_files": None,
        }
        if closed_at is not None:
            task["closed_at"] = closed_at.isoformat()
        if total is None:
            total = progress["total_stf_files"]
        if total is not None:
            task["total_stf_files"] = total
        stf = {name: progress["stf"][name] for name in ("registered", "processed", "failed")}
        task["status"] = _status(task["total_stf_files"], stf)
        if task["status"] in (TaskStatus.FINISHED, TaskStatus.FAILED):
            task["finished_at"] = task["finished_at"] or utc_now().isoformat()
        task["stf"] = stf
        task["outputs"] = progress["outputs"]
        self._monitor.call("PATCH", path, {"performance_metrics": {"task": task}})


def _status(total: int | None, stf: dict[str, Any]) -> TaskStatus:
    if total is None:
        return TaskStatus.OPEN
    if stf["processed"] + stf["failed"] < total:
        return TaskStatus.CLOSED
    return TaskStatus.FAILED if stf["failed"] else TaskStatus.FINISHED
