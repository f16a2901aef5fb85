"""Reports of executions that are over: from the record that `testbed run` wrote, else from the
monitor, which knows the executions of all users.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from swf_common.configuration.model import ExpectSection
from swf_common.configuration.suggestions import nearest
from swf_common.errors import ConfigurationError
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import MonitorRefused, MonitorUnavailable
from testbed.run.record import past_incidents, past_verdict, read_record
from testbed.run.report import Report


def find_report(runs: Path, execution_id: str, monitor: Callable[[], Monitor]) -> Report:
    """The report of an execution.

    :param runs: the folder of the run records
    :param monitor: reaches the monitor, when that is needed
    :raises ConfigurationError: neither a record nor the monitor knows the execution
    :raises MonitorUnavailable: there is no record here, and the monitor does not answer
    """
    known = sorted(path.parent.name for path in runs.glob("*/record.json"))
    if execution_id in known:
        report = read_record(runs, execution_id)
        if report is not None:
            return report
    try:
        return _from_monitor(monitor(), execution_id)
    except MonitorRefused as error:
        if error.status != 404:
            raise
        raise ConfigurationError(
            place=execution_id,
            problem="neither the monitor nor a run record here knows it"
            + (f"; {nearest(execution_id, known)}" if known else ""),
            hint="What there is: testbed runs",
        ) from error
    except MonitorUnavailable as error:
        raise MonitorUnavailable(
            cause=f"{error.cause}; and of {execution_id} there is no run record here"
        ) from error


def _from_monitor(monitor: Monitor, execution_id: str) -> Report:
    """The report as the monitor keeps it: the verdict of `testbed run` where there is one.

    For a run that was started elsewhere the monitor does not know how long the agents took to be
    ready, nor when the run had drained, so that `within` cannot be judged.
    """
    record, progress = monitor.execution(execution_id), monitor.progress(execution_id)
    wanted = record["parameter_values"].get("expect") or {}
    metrics = record["performance_metrics"] or {}
    kept = metrics.get("report") or {}
    if not kept and not progress.status.final:
        raise ConfigurationError(
            place=execution_id,
            problem=f"is still {progress.status}: there is no report of it yet",
            hint="How far it is: testbed status",
        )
    return Report(
        namespace=record["namespace"] or "",
        progress=progress,
        ready_s=kept.get("ready_s"),
        duration_s=kept["duration_s"] if kept else _seconds(record),
        expect=ExpectSection.model_validate(wanted if kept else {**wanted, "within": None}),
        undrained=kept.get("undrained", []),
        incidents=past_incidents(kept or metrics),
        past=past_verdict(kept) if kept else None,
    )


def _seconds(record: Mapping[str, Any]) -> float:
    started = datetime.fromisoformat(record["start_time"])
    end = record["end_time"]
    ended = datetime.fromisoformat(end) if end else datetime.now(started.tzinfo)
    return (ended - started).total_seconds()
