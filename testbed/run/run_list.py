"""The runs of a namespace: with a record in this checkout, or known to the monitor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from swf_common.errors import BackendError, ConfigurationError
from swf_common.protocol.states import ExecutionStatus
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import MonitorRefused
from testbed.output import console
from testbed.run.record import read_record

HEADER = ("EXECUTION", "RUN", "STATUS", "EXIT CODE", "STARTED", "BY", "KNOWN FROM")


@dataclass(frozen=True)
class ListedRun:
    """One of them.

    :param exit_code: of `testbed run`; None where it was not used, or the run is not over
    :param by: who ran it; empty where only a record is left
    :param sources: `record`, `monitor` or both
    """

    execution_id: str
    run_id: str
    status: str
    exit_code: int | None
    started: datetime
    by: str
    sources: tuple[str, ...]

    @property
    def over(self) -> bool:
        return _is_final(self.status)

    def as_json(self) -> dict[str, Any]:
        return {
            "execution_id": self.execution_id,
            "run_id": self.run_id,
            "status": self.status,
            "exit_code": self.exit_code,
            "started": self.started.isoformat(timespec="seconds"),
            "by": self.by,
            "known_from": list(self.sources),
        }

    def cells(self) -> list[str]:
        """The line for people; the time is that of this host."""
        return [
            self.execution_id,
            self.run_id or "-",
            self.status,
            "-" if self.exit_code is None else str(self.exit_code),
            f"{self.started.astimezone():%Y-%m-%d %H:%M:%S}",
            self.by or "-",
            ", ".join(self.sources),
        ]


def find_runs(
    folder: Path, namespace: str, monitor: Callable[[], Monitor], limit: int
) -> list[ListedRun]:
    """The latest runs, the newest first; without a monitor those that have a record here.

    :param folder: the run records
    :param monitor: reaches the monitor
    """
    rows: list[dict[str, Any]] = []
    try:
        rows = monitor().latest_executions(namespace, limit)
    except (BackendError, MonitorRefused, ConfigurationError):
        console.note("The monitor does not answer: these are the runs with a record here.")
    return merged(recorded(folder), rows)[:limit]


def latest(runs: Iterable[ListedRun]) -> ListedRun:
    """The latest run that is over.

    :raises ConfigurationError: there is none
    """
    for run in runs:
        if run.over:
            return run
    raise ConfigurationError(
        place="testbed report",
        problem="no run of this namespace is over, as far as is known here",
        hint="Start one: testbed run. What there is: testbed runs",
    )


def recorded(folder: Path) -> list[ListedRun]:
    """The runs that have a readable record."""
    runs = []
    for path in folder.glob("*/record.json"):
        report = read_record(folder, path.parent.name)
        if report is not None:
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            runs.append(
                ListedRun(
                    execution_id=report.progress.execution_id,
                    run_id=report.progress.run_id or "",
                    status=str(report.status),
                    exit_code=int(report.exit_code),
                    started=written - timedelta(seconds=report.duration_s),
                    by="",
                    sources=("record",),
                )
            )
    return runs


def merged(records: Iterable[ListedRun], rows: Iterable[Mapping[str, Any]]) -> list[ListedRun]:
    """Records and the monitor's executions as one list, the newest first. Where both know a run,
    the record has the verdict, and the monitor who ran it, and since when.

    :param rows: executions as REST gives them
    """
    runs = {run.execution_id: run for run in records}
    for row in rows:
        record = runs.get(row["execution_id"])
        report = (row["performance_metrics"] or {}).get("report") or {}
        statuses = (record.status if record else "", report.get("status") or "")
        runs[row["execution_id"]] = ListedRun(
            execution_id=row["execution_id"],
            run_id=str(row["run_number"] or ""),
            # what an interrupted command has left behind is not the last word
            status=next((one for one in statuses if one and _is_final(one)), row["status"]),
            exit_code=record.exit_code if record else report.get("exit_code"),
            started=datetime.fromisoformat(row["start_time"]),
            by=row["executed_by"] or "",
            sources=(*(record.sources if record else ()), "monitor"),
        )
    return sorted(runs.values(), key=lambda run: run.started, reverse=True)


def _is_final(status: str) -> bool:
    return ExecutionStatus(status).final
