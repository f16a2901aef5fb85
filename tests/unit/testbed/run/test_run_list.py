"""The runs of a namespace: records of this checkout and executions of the monitor, in one list."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from swf_common.configuration.model import ExpectSection
from swf_common.errors import ConfigurationError
from swf_common.protocol.states import ExecutionStatus
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import TestbedDown
from testbed.run.record import write_record
from testbed.run.report import Report
from testbed.run.run_list import find_runs, latest
from testbed.testing import EPOCH, FakeMonitor, new_progress

NOON = EPOCH.timestamp() + 3600


def record(folder: Path, execution_id: str, *, wanted: int = 5, written: float = NOON) -> None:
    stf = {"generated": 5, "registered": 5, "processed": 5, "failed": 0}
    report = Report(
        namespace="torre1",
        progress=new_progress(execution_id, status=ExecutionStatus.COMPLETED, stf=stf),
        ready_s=1.0,
        duration_s=60.0,
        expect=ExpectSection(stf_processed=wanted),
    )
    os.utime(write_record(folder, report, {}), (written, written))


def down() -> Monitor:
    raise TestbedDown(project="testbed-torre1", cause="there is no container")


def ended(monitor: FakeMonitor, name: str = "w") -> str:
    execution_id = monitor.start_workflow({"workflow_name": name})
    monitor.change(execution_id, status=ExecutionStatus.COMPLETED)
    return execution_id


def test_records_and_executions_are_one_list_the_newest_first(tmp_path: Path) -> None:
    monitor = FakeMonitor()
    ours, theirs = ended(monitor), ended(monitor)
    monitor.reports[theirs] = {"status": "failed", "exit_code": 4}
    record(tmp_path, ours, wanted=6)
    record(tmp_path, "of-an-earlier-database")
    found = find_runs(tmp_path, "torre1", lambda: monitor, 20)
    assert found[0].execution_id == "of-an-earlier-database", "its record is an hour younger"
    seen = {run.execution_id: (run.status, run.exit_code, run.by, run.sources) for run in found}
    assert seen == {
        ours: ("completed", 6, "fake", ("record", "monitor")),
        theirs: ("failed", 4, "fake", ("monitor",)),
        "of-an-earlier-database": ("completed", 0, "", ("record",)),
    }


def test_without_a_monitor_the_records_are_listed_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path, "older", written=NOON)
    record(tmp_path, "newer", written=NOON + 1)
    (tmp_path / "cut-short").mkdir()
    (tmp_path / "cut-short" / "record.json").write_text('{"report": ')
    found = find_runs(tmp_path, "torre1", down, 20)
    assert [run.execution_id for run in found] == ["newer", "older"]
    assert "with a record here" in capsys.readouterr().err
    assert [run.execution_id for run in find_runs(tmp_path, "torre1", down, 1)] == ["newer"]


def test_the_latest_run_that_is_over_is_reported(tmp_path: Path) -> None:
    monitor = FakeMonitor()
    over = ended(monitor)
    running = monitor.start_workflow({"workflow_name": "w"})
    found = find_runs(tmp_path, "torre1", lambda: monitor, 20)
    assert {run.execution_id for run in found} == {over, running}
    assert latest(found).execution_id == over


def test_without_any_run_that_is_over_the_next_step_is_said() -> None:
    with pytest.raises(ConfigurationError) as caught:
        latest([])
    assert "testbed run" in caught.value.hint


def test_a_run_is_shown_with_what_is_known_of_it(tmp_path: Path) -> None:
    monitor = FakeMonitor()
    monitor.start_workflow({"workflow_name": "w"})
    (run,) = find_runs(tmp_path, "torre1", lambda: monitor, 20)
    assert run.cells()[:4] == ["w-fake-0001", "100010", "running", "-"]
    assert run.as_json()["known_from"] == ["monitor"]
    assert run.as_json()["started"] == EPOCH.isoformat()
