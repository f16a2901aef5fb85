"""`testbed run` on the whole stack: what it says, and that the monitor's rows say the same."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rest import Api
from tests.stacks import SOON
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

REPORT_KEYS = {
    "execution_id",
    "run_id",
    "namespace",
    "status",
    "reason",
    "duration_s",
    "ready_s",
    "stf",
    "tf_files",
    "slices",
    "messages",
    "expectations",
    "run_record",
}


def kinds(viewer: Api, execution_id: str) -> Counter[str]:
    rows = viewer.get("workflow-messages/", execution_id=execution_id)
    return Counter(row["message_type"] for row in rows)


def test_a_run_completes_and_the_monitor_agrees(stack: TestbedStack, viewer: Api) -> None:
    report = stack.run("--no-realtime")
    assert report.keys() >= REPORT_KEYS
    assert report["status"] == "completed"
    assert report["stf"] == {"generated": 5, "registered": 5, "processed": 5, "failed": 0}
    run_number = report["run_id"]
    (run,) = viewer.get("runs/", run_number=run_number)
    assert run["end_time"] is not None
    files = viewer.get("stf-files/", run_number=run_number)
    assert [row["status"] for row in files] == ["processed"] * 5
    assert kinds(viewer, report["execution_id"]) == {
        "accepted": 1,
        "run_imminent": 1,
        "start_run": 1,
        "stf_gen": 5,
        "stf_ready": 5,
        "processing_complete": 5,
        "end_run": 1,
    }
    state = viewer.get(f"run-states/{run_number}/")
    assert (state["phase"], state["state"], state["substate"]) == ("completed", "ended", None)
    execution = viewer.get(f"workflow-executions/{report['execution_id']}/")
    assert execution["end_time"] is not None
    assert execution["parameter_values"]["daq_state_machine"]["stf_count"] == 5
    assert "git_version" in execution["parameter_values"]
    assert execution["parameter_values"]["origins"]["daq_state_machine.stf_count"]
    verdict = execution["performance_metrics"]["report"]
    assert (verdict["exit_code"], verdict["status"]) == (0, "completed")
    at_work = viewer.get("agent-state-changes/", operational_state="PROCESSING")
    programs = {row["program"] for row in at_work if row["execution_id"] == report["execution_id"]}
    assert programs >= {"example-data-agent", "example-processing-agent"}


def test_two_hundred_stfs_in_one_burst_lose_nothing(stack: TestbedStack, viewer: Api) -> None:
    report = stack.run("--no-realtime", "--set", "fast_processing.stf_count=200")
    assert report["stf"] == {"generated": 200, "registered": 200, "processed": 200, "failed": 0}
    assert kinds(viewer, report["execution_id"])["processing_complete"] == 200


def test_the_monitor_knows_the_logs_of_a_run(stack: TestbedStack, viewer: Api) -> None:
    report = stack.run("--no-realtime")
    key = report["execution_id"]
    eventually(lambda: viewer.get("logs/", execution_id=key), "log lines carry the execution")


def test_a_missed_expectation_ends_with_six(stack: TestbedStack) -> None:
    done = stack.command("run", "--no-realtime", "--json", "--set", "expect.stf_processed=6")
    assert done.returncode == 6
    report = json.loads(done.stdout)
    missed = [item["name"] for item in report["expectations"] if not item["ok"]]
    assert missed == ["stf_processed"]


def test_a_duration_ends_the_run_early_and_closes_it(stack: TestbedStack, viewer: Api) -> None:
    options = ("--no-realtime", "--duration", "16", "--set", "expect.stf_processed=1")
    report = stack.run(*options)
    assert (report["status"], report["reason"]) == ("completed", "duration")
    assert kinds(viewer, report["execution_id"])["end_run"] == 1
    assert 0 < report["stf"]["generated"] < 5


def running(viewer: Api) -> str:
    """The execution that runs, once it has made an STF; else empty."""
    for row in viewer.get("workflow-executions/", status="running"):
        if kinds(viewer, row["execution_id"])["stf_gen"]:
            return str(row["execution_id"])
    return ""


@contextmanager
def sigint_ignored() -> Iterator[None]:
    """What is started inside inherits an ignored SIGINT, as a background job of a script does."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_workflow_and_the_agents_stay(
    stack: TestbedStack, viewer: Api, number: signal.Signals
) -> None:
    with sigint_ignored():
        background = stack.command_in_background("run", "--json", *SOON)
    with background as process:
        eventually(lambda: running(viewer), "the run makes STFs", within=60)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    report = json.loads(output)
    assert (process.returncode, report["status"]) == (130, "terminated")
    execution = viewer.get(f"workflow-executions/{report['execution_id']}/")
    assert execution["end_time"] is not None
    assert kinds(viewer, report["execution_id"])["end_run"] == 1
    status = json.loads(stack.command("status", "--json").stdout)
    assert [agent["operational_state"] for agent in status["agents"]] == ["READY"] * 3


def test_stop_ends_a_running_workflow(stack: TestbedStack, viewer: Api) -> None:
    with stack.command_in_background("run", "--json", *SOON) as process:
        eventually(lambda: running(viewer), "the run makes STFs", within=60)
        stopped = stack.command("stop")
        output, _ = process.communicate(timeout=60)
    report = json.loads(output)
    assert (stopped.returncode, process.returncode) == (0, 6)
    assert report["status"] == "terminated"
    again = stack.command("stop", report["execution_id"])
    assert (again.returncode, "has ended: terminated" in again.stderr) == (0, True)
    told = stack.command("report", report["execution_id"])
    assert told.returncode == 6
    assert told.stdout.splitlines()[0] == f"Verdict     {report['verdict']}"


def test_a_start_that_would_disturb_a_run_in_progress_is_refused(
    stack: TestbedStack, viewer: Api, tmp_path: Path
) -> None:
    junit = tmp_path / "junit.xml"
    with stack.command_in_background("run", "--json", *SOON) as first:
        execution_id = eventually(lambda: running(viewer), "the run makes STFs", within=60)
        up = stack.command("up", "--set", "agents.processing.enabled=false")
        run = stack.command("run", "fast_processing", "--json", "--junit", str(junit))
        output, errors = first.communicate(timeout=120)
    assert (first.returncode, json.loads(output)["stf"]["processed"]) == (0, 5), errors
    for refused in (up, run):
        assert refused.returncode == 6
        assert f"{execution_id} is in progress" in refused.stderr
        assert "this would stop example-processing-agent" in refused.stderr
    assert json.loads(run.stdout)["status"] == "not started"
    assert "is in progress" in junit.read_text()


def test_a_second_workflow_is_refused_while_one_runs(stack: TestbedStack, viewer: Api) -> None:
    with stack.command_in_background("run", *SOON) as first:
        eventually(lambda: running(viewer), "the run makes STFs", within=60)
        second = stack.command("run")
        stack.command("stop")
        first.communicate(timeout=60)
    assert second.returncode == 6
    assert "one workflow at a time" in second.stderr
