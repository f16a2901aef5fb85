"""The processing task of a run: open while the run's dataset is, finished with its last STF.

It stands among the metrics of the execution, under `task`. Its counts are taken from the records
each time, so that nothing is counted twice, however often a message comes. How the run ended stands
beside it, under `task_closing`: replicas of the agent write the same task, and one that read it
before another closed it must not open it again.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from agents.runtime.parameters import ExecutionParameters
from swf_common.configuration.groups import RunTask
from swf_common.protocol.identifiers import input_dataset, output_dataset
from swf_common.protocol.message import utc_now
from swf_common.service.monitor_client import MonitorClient


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


MOST_TRIES = 10
"""How often a task is written that others write at the same time."""


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
        """Bring the task of a run up to date; opens it if it is not there. It is read again once it
        is written: what another replica wrote in between, or wrote over, is put right.

        :param closed_at: when the run's dataset was closed, when that is what happened
        :param total: how many STFs the run has made, once it has ended
        """
        if not RunTask.of(self._parameters.of(execution_id)).task_per_run:
            return
        path = f"workflow-executions/{execution_id}/"
        closing = {
            "closed_at": closed_at.isoformat() if closed_at else None,
            "total_stf_files": total,
        }
        if any(value is not None for value in closing.values()):
            self._monitor.call("PATCH", path, {"performance_metrics": {"task_closing": closing}})
        for _ in range(MOST_TRIES):
            progress = self._monitor.call("GET", f"{path}progress/")
            metrics = self._monitor.call("GET", path)["performance_metrics"] or {}
            recorded = metrics.get("task")
            task = _task(execution_id, run_id, recorded, metrics.get("task_closing"), progress)
            if task == recorded:
                return
            self._monitor.call("PATCH", path, {"performance_metrics": {"task": task}})


def _task(
    execution_id: str,
    run_id: str,
    recorded: dict[str, Any] | None,
    closing: dict[str, Any] | None,
    progress: dict[str, Any],
) -> dict[str, Any]:
    """The task as it follows from what is recorded."""
    closing = closing or {}
    task = dict(recorded or {"opened_at": utc_now().isoformat(), "finished_at": None})
    total = closing.get("total_stf_files")
    stf = {name: progress["stf"][name] for name in ("registered", "processed", "failed")}
    task.update(
        task_id=f"{execution_id}-processing",
        input_dataset=input_dataset(run_id),
        output_dataset=output_dataset(run_id),
        closed_at=closing.get("closed_at"),
        total_stf_files=progress["total_stf_files"] if total is None else total,
        stf=stf,
        outputs=progress["outputs"],
    )
    task["status"] = _status(task["total_stf_files"], stf)
    if task["status"] in (TaskStatus.FINISHED, TaskStatus.FAILED):
        task["finished_at"] = task["finished_at"] or utc_now().isoformat()
    return task


def _status(total: int | None, stf: dict[str, Any]) -> TaskStatus:
    if total is None:
        return TaskStatus.OPEN
    if stf["processed"] + stf["failed"] < total:
        return TaskStatus.CLOSED
    return TaskStatus.FAILED if stf["failed"] else TaskStatus.FINISHED
