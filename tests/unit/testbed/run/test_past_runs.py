"""Reports of executions that are over: from the run record, else from the monitor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swf_common.configuration.model import ExpectSection
from swf_common.errors import ConfigurationError, ExitCode
from swf_common.protocol.states import ExecutionStatus
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import MonitorUnavailable
from testbed.run.past_runs import find_report
from testbed.run.record import write_record
from testbed.run.report import Report
from testbed.testing import FakeMonitor, new_progress


def made(execution_id: str = "w-me-0001", ended_by: ExitCode | None = None) -> Report:
    stf = {"generated": 5, "registered": 5, "processed": 4, "failed": 0}
    return Report(
        namespace="torre1",
        progress=new_progress(
            execution_id, status=ExecutionStatus.COMPLETED, stf=stf, messages=23, tf_files=3
        ),
        ready_s=4.2,
        duration_s=41.9,
        expect=ExpectSection(stf_processed=5, within=60),
        undrained=["1 STFs are not processed"],
        incidents=[{"text": "example-data-agent died"}],
        ended_by=ended_by,
    )


def nobody() -> Monitor:
    raise MonitorUnavailable(cause="it was not to be asked")


def with_execution(**parameters: object) -> FakeMonitor:
    monitor = FakeMonitor()
    execution_id = monitor.start_workflow({"workflow_name": "w"})
    stf = {"generated": 5, "registered": 5, "processed": 5, "failed": 0}
    monitor.clock.sleep(30)
    monitor.change(execution_id, status=ExecutionStatus.COMPLETED, stf=stf)
    monitor.parameters[execution_id] = dict(parameters)
    return monitor


def test_a_record_tells_all_that_the_run_reported(tmp_path: Path) -> None:
    report = made()
    write_record(tmp_path, report, {"resolved": {}})
    found = find_report(tmp_path, "w-me-0001", nobody)
    assert found.as_json() == report.as_json()
    assert found.lines()[0] == report.lines()[0]
    assert found.exit_code == ExitCode.WORKFLOW_FAILED


@pytest.mark.parametrize("code", [ExitCode.INTERRUPTED, ExitCode.AGENT_DIED, ExitCode.BACKEND])
def test_the_exit_code_of_the_run_is_kept_in_its_record_and_at_the_monitor(
    tmp_path: Path, code: ExitCode
) -> None:
    write_record(tmp_path, made(ended_by=code), {})
    assert find_report(tmp_path, "w-me-0001", nobody).exit_code == code
    monitor = with_execution(expect={"stf_processed": 5})
    monitor.record_report("w-fake-0001", made(ended_by=code).for_monitor())
    found = find_report(tmp_path, "w-fake-0001", lambda: monitor)
    assert (found.exit_code, found.status) == (code, "failed")
    assert found.verdict == made(ended_by=code).verdict


def test_without_a_record_the_monitor_is_asked(tmp_path: Path) -> None:
    monitor = with_execution(expect={"stf_processed": 5, "within": 1})
    found = find_report(tmp_path, "w-fake-0001", lambda: monitor)
    content = json.loads(json.dumps(found.as_json()))
    assert (content["status"], content["stf"]["processed"]) == ("completed", 5)
    assert (content["ready_s"], content["duration_s"]) == (None, 30.0)
    assert [one["name"] for one in content["expectations"]] == ["stf_processed"]
    assert "30.0 s from the workflow's start to its end" in "\n".join(found.lines())
    assert found.exit_code == ExitCode.DONE


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"report": {}}'])
def test_a_record_that_does_not_tell_it_all_is_left_aside(tmp_path: Path, text: str) -> None:
    monitor = with_execution()
    (tmp_path / "w-fake-0001").mkdir()
    (tmp_path / "w-fake-0001" / "record.json").write_text(text)
    assert find_report(tmp_path, "w-fake-0001", lambda: monitor).ready_s is None


def test_an_execution_that_nobody_knows_is_told_with_the_nearest(tmp_path: Path) -> None:
    write_record(tmp_path, made(), {})
    with pytest.raises(ConfigurationError, match='did you mean "w-me-0001"'):
        find_report(tmp_path, "w-me-0002", FakeMonitor)
    with pytest.raises(ConfigurationError):
        find_report(tmp_path, "../w-me-0001", FakeMonitor)


def test_without_record_and_monitor_both_are_told(tmp_path: Path) -> None:
    with pytest.raises(MonitorUnavailable, match="and of w-me-0001 there is no run record"):
        find_report(tmp_path, "w-me-0001", nobody)


def test_what_the_run_told_the_monitor_is_repeated(tmp_path: Path) -> None:
    monitor = with_execution(expect={"stf_processed": 5, "within": 30})
    kept = made().for_monitor()
    monitor.record_report("w-fake-0001", kept)
    found = find_report(tmp_path, "w-fake-0001", lambda: monitor)
    assert (found.ready_s, found.duration_s) == (4.2, 41.9)
    assert found.incidents == [{"text": "example-data-agent died"}]
    assert (found.status, found.reason) == (kept["status"], kept["reason"])
    assert [item.as_json() for item in found.expectations] == kept["expectations"]


def test_a_report_from_before_verdicts_were_kept_is_judged(tmp_path: Path) -> None:
    monitor = with_execution(expect={"stf_processed": 5})
    old = {"ready_s": 1.0, "duration_s": 2.0, "incidents": ["example-data-agent died"]}
    monitor.record_report("w-fake-0001", old)
    found = find_report(tmp_path, "w-fake-0001", lambda: monitor)
    assert found.exit_code == ExitCode.DONE
    assert found.lines()[-1] == "Incident    example-data-agent died"


def test_a_run_that_goes_on_has_no_report_yet(tmp_path: Path) -> None:
    monitor = FakeMonitor()
    execution_id = monitor.start_workflow({"workflow_name": "w"})
    with pytest.raises(ConfigurationError, match="is still running"):
        find_report(tmp_path, execution_id, lambda: monitor)


def test_a_report_says_of_an_interrupted_run_what_the_run_said(tmp_path: Path) -> None:
    report = made(ended_by=ExitCode.INTERRUPTED)
    report.undrained = []
    write_record(tmp_path, report, {})
    assert find_report(tmp_path, "w-me-0001", nobody).lines() == report.lines()
