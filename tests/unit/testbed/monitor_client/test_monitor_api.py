"""The command's side of the monitor's REST interface, against a server in this process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from swf_common.errors import ExitCode
from swf_common.protocol.states import ExecutionStatus
from testbed.monitor_client.client import RestMonitor
from testbed.monitor_client.errors import (
    MonitorRefused,
    MonitorUnavailable,
    RunnerSilent,
    RunnerUnavailable,
    WorkflowRefused,
)
from testbed.testing import FakeMonitor
from tests.unit.testbed.monitor_server import MonitorServer

START = ("POST", "workflow-executions/start/")
ROW: dict[str, Any] = {
    "instance_name": "data-agent-jane-0001",
    "namespace": "torre1",
    "container_id": "ab" * 32,
    "operational_state": "READY",
    "status": "OK",
    "last_heartbeat": "2026-01-05T12:00:00Z",
    "heartbeat_interval": 5.0,
    "description": "",
}


@pytest.fixture
def rest(monitor: MonitorServer) -> RestMonitor:
    return RestMonitor(lambda: monitor.url, "operators-token", "jane")


def test_the_snapshot_holds_the_monitors_time_and_its_agents(
    rest: RestMonitor, monitor: MonitorServer
) -> None:
    never = {**ROW, "instance_name": "other", "last_heartbeat": None}
    answer = {"now": "2026-01-05T12:00:04Z", "heartbeats": [ROW, never]}
    monitor.answers["GET", "readiness/"] = (200, answer)
    snapshot = rest.snapshot("torre1")
    assert snapshot.now == datetime(2026, 1, 5, 12, 0, 4, tzinfo=UTC)
    first, second = snapshot.agents
    assert first.received_at == datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert (first.container_id, first.heartbeat_interval) == ("ab" * 32, 5.0)
    assert second.received_at is None
    (request,) = monitor.requests
    assert request.params == {"namespace": "torre1"}
    assert (request.authorization, request.user) == ("Token operators-token", "jane")


def test_a_workflow_is_started_with_its_command(rest: RestMonitor, monitor: MonitorServer) -> None:
    monitor.answers[START] = (201, {"execution_id": "e-1", "run_id": "7"})
    command = {"workflow_name": "stf_datataking", "resolved": {"a": {"b": 1}}}
    assert rest.start_workflow(command) == "e-1"
    (request,) = monitor.requests
    assert request.body == command


@pytest.mark.parametrize("status", [400, 409])
def test_a_rejected_workflow_is_told_with_its_reason(
    rest: RestMonitor, monitor: MonitorServer, status: int
) -> None:
    monitor.answers[START] = (status, {"detail": "e-0 is running; one workflow at a time"})
    with pytest.raises(WorkflowRefused, match="e-0 is running") as caught:
        rest.start_workflow({"workflow_name": "x"})
    assert caught.value.exit_code == ExitCode.WORKFLOW_FAILED


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_come_back_later_means_away(rest: RestMonitor, monitor: MonitorServer, status: int) -> None:
    monitor.answers["GET", "backlog/"] = (status, {"detail": "The database is away."})
    with pytest.raises(MonitorUnavailable, match="The database is away") as caught:
        rest.backlog()
    assert caught.value.exit_code == ExitCode.BACKEND


def test_a_runner_that_does_not_answer_is_not_taken_for_the_monitor(
    rest: RestMonitor, monitor: MonitorServer
) -> None:
    monitor.answers[START] = (503, {"detail": "No workflow-runner answered"})
    with pytest.raises(
        RunnerUnavailable, match="not started: No workflow-runner answered"
    ) as caught:
        rest.start_workflow({"workflow_name": "x"})
    assert caught.value.exit_code == ExitCode.BACKEND


def test_a_command_that_a_runner_got_and_did_not_answer_may_be_carried_out(
    rest: RestMonitor, monitor: MonitorServer
) -> None:
    monitor.answers[START] = (504, {"detail": "not answered in 4.5 s", "message_id": "1"})
    with pytest.raises(RunnerSilent, match="The workflow may run: not answered") as caught:
        rest.start_workflow({"workflow_name": "x"})
    assert caught.value.exit_code == ExitCode.BACKEND


def test_nobody_there_means_away(rest: RestMonitor, monitor: MonitorServer) -> None:
    monitor.stop()
    with pytest.raises(MonitorUnavailable, match=r"at http://127\.0\.0\.1"):
        rest.backlog()


def test_a_monitor_that_is_not_published_is_away() -> None:
    with pytest.raises(MonitorUnavailable, match="not published"):
        RestMonitor(lambda: None, "token").backlog()


def test_a_monitor_that_moved_to_another_port_is_found_again(monitor: MonitorServer) -> None:
    moved = MonitorServer()
    urls = [monitor.url, moved.url]
    rest = RestMonitor(lambda: urls[0], "token")
    assert rest.running_executions("torre1") == []
    monitor.stop()
    del urls[0]
    with pytest.raises(MonitorUnavailable):
        rest.running_executions("torre1")
    assert rest.running_executions("torre1") == []
    moved.stop()


def test_an_answer_that_breaks_off_means_away(rest: RestMonitor, monitor: MonitorServer) -> None:
    monitor.breaking_off = True
    with pytest.raises(MonitorUnavailable):
        rest.backlog()


@pytest.mark.parametrize("body", [b"<html>", b""])
def test_an_answer_that_is_not_the_monitors_is_the_users_to_see(
    rest: RestMonitor, monitor: MonitorServer, body: bytes
) -> None:
    monitor.answers["GET", "backlog/"] = (200, body)
    with pytest.raises((MonitorUnavailable, MonitorRefused)):
        rest.backlog()


def test_a_refusal_names_request_status_and_text(rest: RestMonitor, monitor: MonitorServer) -> None:
    monitor.answers["GET", "backlog/"] = (403, b"not for you")
    with pytest.raises(MonitorRefused, match=r"GET /api/backlog/: 403 not for you"):
        rest.backlog()


def test_the_progress_of_an_execution_is_read(rest: RestMonitor, monitor: MonitorServer) -> None:
    answer: dict[str, Any] = {
        "execution_id": "e-1",
        "run_id": None,
        "status": "failed",
        "reason": "x",
        "total_stf_files": None,
        "run_announced": False,
        "run_ended": False,
        "stf_sent": None,
        "dead_letters": 0,
        "stf": {},
        "tf_files": 0,
        "stf_sampled": 0,
        "tfs": {},
        "slices": {},
        "messages": 0,
    }
    monitor.answers["GET", "workflow-executions/e-1/progress/"] = (200, answer)
    assert rest.progress("e-1").status is ExecutionStatus.FAILED


def test_backlog_and_running_executions_are_read(rest: RestMonitor, monitor: MonitorServer) -> None:
    monitor.answers["GET", "backlog/"] = (200, {"queues": None, "dead_letters": 2})
    monitor.answers["GET", "workflow-executions/"] = (200, [{"execution_id": "e-1"}])
    assert rest.backlog() == (None, 2)
    assert rest.running_executions("torre1") == [{"execution_id": "e-1"}]
    assert monitor.requests[-1].params == {"namespace": "torre1", "status": "running"}


def test_the_fake_monitor_refuses_as_the_real_one_does() -> None:
    fake = FakeMonitor()
    execution_id = fake.start_workflow({"workflow_name": "x"})
    with pytest.raises(WorkflowRefused, match=f"{execution_id} is running"):
        fake.start_workflow({"workflow_name": "x"})
    fake.stop_workflow(execution_id)
    with pytest.raises(MonitorRefused, match="409"):
        fake.stop_workflow(execution_id)
    fake.away = True
    with pytest.raises(MonitorUnavailable):
        fake.backlog()


def test_the_verdict_of_a_run_is_kept_beside_the_executions_record(
    rest: RestMonitor, monitor: MonitorServer
) -> None:
    monitor.answers["PATCH", "workflow-executions/e-1/"] = (200, {})
    rest.record_report("e-1", {"exit_code": 0})
    (request,) = monitor.requests
    assert request.body == {"performance_metrics": {"report": {"exit_code": 0}}}
