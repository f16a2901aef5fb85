"""The workflow-runner: every command gets an answer, every execution its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agents.programs.workflow_runner import agent as runner_module
from agents.programs.workflow_runner.agent import WorkflowRunner
from swf_common.protocol.destinations import WORKFLOW_CONTROL
from testbed.project import ROOT
from tests.unit.agents.bench import Bench
from tests.unit.samples import NAMESPACE
from tests.unit.simulation import resolved
from tests.unit.stomp_server import StompServer
from tests.unit.testbed.monitor_server import MonitorServer, Request

REPLIES = "/remote-temp-queue/replies"
EXECUTIONS = "workflow-executions/"
EXECUTION_ID = "stf_datataking-jane-0007"


@pytest.fixture
def bench(
    server: StompServer, monitor: MonitorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """A runner that is READY."""
    monkeypatch.chdir(ROOT)
    made = Bench(WorkflowRunner, server, monitor, tmp_path, "workflow-runner")
    made.ready()
    yield made
    made.stop()


class Commands:
    """Commands to the runner, and its replies."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._count = 0

    def send(self, msg_type: str, **fields: Any) -> dict[str, Any]:
        """Send a command; its reply."""
        self._count += 1
        content = {"msg_type": msg_type, "namespace": NAMESPACE, "message_id": str(uuid4())}
        self._bench.deliver({**content, **fields}, self._count, reply_to=REPLIES)
        server = self._bench.server
        server.wait(lambda: len(self._bench.sent(REPLIES)) >= self._count, f"a reply to {msg_type}")
        return self._bench.sent(REPLIES)[-1]

    def run(self, **fields: Any) -> dict[str, Any]:
        """Ask for data taking as fast as possible."""
        usual = {"workflow_name": "stf_datataking", "realtime": False, "resolved": resolved()}
        return self.send("run_workflow", **{**usual, **fields})


@pytest.fixture
def commands(bench: Bench) -> Commands:
    return Commands(bench)


def closing(monitor: MonitorServer) -> Any:
    """What the execution's record is closed with, once it is."""
    path = f"{EXECUTIONS}{EXECUTION_ID}/"
    monitor.wait(lambda: monitor.of("PATCH", path), "the execution's end")
    (request,) = monitor.of("PATCH", path)
    return request.body


def opening(monitor: MonitorServer) -> Request:
    (request,) = monitor.of("POST", EXECUTIONS)
    return request


def test_the_runner_takes_only_commands_of_its_namespace(server: StompServer, bench: Bench) -> None:
    (frame,) = server.of("SUBSCRIBE")
    assert frame.destination == WORKFLOW_CONTROL
    assert frame.headers["selector"] == f"namespace = '{NAMESPACE}'"


def test_a_workflow_is_accepted_with_its_execution_and_run(commands: Commands) -> None:
    reply = commands.run()
    assert (reply["msg_type"], reply["execution_id"]) == ("accepted", EXECUTION_ID)
    assert reply["run_id"] == "100010"


def test_a_workflow_runs_to_its_end_and_its_record_is_closed(
    commands: Commands, bench: Bench, monitor: MonitorServer
) -> None:
    commands.run()
    body = closing(monitor)
    assert (body["status"], body["reason"]) == ("completed", "completed")
    assert body["end_time"]
    assert body["performance_metrics"]["stf_generated"] == 10
    assert body["performance_metrics"]["simulated_s"] == 40.3
    kinds = [message["msg_type"] for message in bench.sent()]
    assert kinds == ["run_imminent", "start_run", *["stf_gen"] * 10, "end_run"]


def test_the_recorded_configuration_says_what_the_agents_account_for(
    commands: Commands, monitor: MonitorServer
) -> None:
    content = resolved(stf_count=2)
    content["agents"] = {"data": {"enabled": True}, "processing": {"enabled": False}}
    data = {"program": "example-data-agent", "stages": ["stf.registered"]}
    commands.run(resolved=content, agents={"data": data})
    assert opening(monitor).body["parameter_values"]["agents"] == {
        "data": {"enabled": True, **data},
        "processing": {"enabled": False},
    }


def test_the_execution_is_recorded_as_running_with_its_configuration(
    commands: Commands, monitor: MonitorServer
) -> None:
    content = resolved(stf_count=2)
    commands.run(resolved=content)
    body = opening(monitor).body
    assert (body["execution_id"], body["status"]) == (EXECUTION_ID, "running")
    assert (body["namespace"], body["run_number"]) == (NAMESPACE, 100010)
    assert body["parameter_values"]["fast_processing"] == content["fast_processing"]
    assert body["runner_instance"] == "workflow-runner-agent-jane-0042"
    assert body["command_id"]


def test_a_command_without_a_resolved_configuration_is_resolved_here(
    commands: Commands, bench: Bench, monitor: MonitorServer
) -> None:
    commands.run(resolved=None, config="stf_datataking_default", params={"stf_count": 1})
    closing(monitor)
    assert [message["msg_type"] for message in bench.sent()].count("stf_gen") == 1


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"workflow_name": "stf_datatakin"}, "stf_datatakin"),
        ({"workflow_name": "stf_datatakin", "resolved": None}, 'did you mean "stf_datataking"?'),
        ({"resolved": None, "config": "fats_processing_default"}, "fast_processing_default"),
        ({"resolved": None, "params": {"stf_cuont": 5}}, 'did you mean "stf_count"?'),
        ({"resolved": {"fast_processing": 5}}, "resolved"),
    ],
)
def test_a_command_that_cannot_be_carried_out_is_rejected_and_leaves_no_execution(
    commands: Commands, monitor: MonitorServer, fields: dict[str, Any], part: str
) -> None:
    reply = commands.run(**fields)
    assert reply["msg_type"] == "rejected"
    assert part in reply["reason"]
    assert monitor.of("POST", EXECUTIONS) == []


def test_a_workflow_whose_source_is_broken_is_rejected(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_workflow.py").write_text("def workflow(env, daq:\n")
    monkeypatch.setattr(runner_module, "WORKFLOWS", tmp_path)
    reply = commands.run(workflow_name="broken_workflow")
    assert reply["msg_type"] == "rejected"
    assert "broken_workflow" in reply["reason"]


def test_a_workflow_that_needs_what_is_not_installed_is_rejected_for_that(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needy_workflow.py").write_text("import a_package_of_tomorrow\n")
    monkeypatch.setattr(runner_module, "WORKFLOWS", tmp_path)
    reply = commands.run(workflow_name="needy_workflow")
    assert reply["msg_type"] == "rejected"
    assert "a_package_of_tomorrow" in reply["reason"]


def test_a_module_without_a_workflow_is_rejected(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from workflows.api import Parameters\n"
    (tmp_path / "empty_workflow.py").write_text(code)
    monkeypatch.setattr(runner_module, "WORKFLOWS", tmp_path)
    reply = commands.run(workflow_name="empty_workflow")
    assert reply["reason"] == "workflows/empty_workflow.py: has no function workflow(env, daq)"


def test_a_command_that_comes_a_second_time_is_rejected(
    commands: Commands, monitor: MonitorServer, bench: Bench
) -> None:
    monitor.answers["POST", EXECUTIONS] = (400, {"command_id": ["already exists"]})
    reply = commands.run()
    assert (reply["msg_type"], reply["reason"]) == (
        "rejected",
        "this command was carried out before",
    )
    assert bench.sent() == []


def test_one_workflow_runs_at_a_time(
    commands: Commands, bench: Bench, monitor: MonitorServer
) -> None:
    commands.run(realtime=True)
    reply = commands.run()
    assert reply["msg_type"] == "rejected"
    assert f"{EXECUTION_ID} is running" in reply["reason"]
    assert len(monitor.of("POST", EXECUTIONS)) == 1


def test_a_running_workflow_is_told_and_stopped_on_command(
    commands: Commands, bench: Bench, monitor: MonitorServer
) -> None:
    content = resolved(no_beam_not_ready_delay=0)
    commands.run(realtime=True, resolved=content)
    bench.wait_sent("run_imminent")
    status = commands.send("status_request")
    assert (status["operational_state"], status["execution_id"]) == ("PROCESSING", EXECUTION_ID)
    assert commands.send("stop_workflow", execution_id=EXECUTION_ID)["msg_type"] == "stopping"
    assert bench.wait_sent("end_run")["reason"] == "stopped"
    assert closing(monitor)["status"] == "terminated"


def test_without_a_workflow_there_is_nothing_to_stop(commands: Commands) -> None:
    reply = commands.send("stop_workflow")
    assert (reply["msg_type"], reply["reason"]) == ("rejected", "no workflow is running")
    assert commands.send("status_request")["operational_state"] == "READY"


def test_another_execution_is_not_stopped(commands: Commands, monitor: MonitorServer) -> None:
    commands.run(realtime=True)
    reply = commands.send("stop_workflow", execution_id="stf_datataking-jane-0001")
    assert reply["msg_type"] == "rejected"
    assert EXECUTION_ID in reply["reason"]
    assert monitor.of("PATCH", f"{EXECUTIONS}{EXECUTION_ID}/") == []


def test_a_runner_that_is_stopped_ends_its_workflow(
    commands: Commands, bench: Bench, monitor: MonitorServer
) -> None:
    commands.run(realtime=True, resolved=resolved(no_beam_not_ready_delay=0))
    bench.wait_sent("run_imminent")
    bench.stop()
    assert bench.wait_sent("end_run")["reason"] == "stopped"
    assert closing(monitor)["status"] == "terminated"


def test_a_runner_closes_what_an_earlier_one_left_running(
    server: StompServer, monitor: MonitorServer, tmp_path: Path
) -> None:
    left = {"execution_id": EXECUTION_ID, "runner_instance": "workflow-runner-agent-jane-0001"}
    monitor.answers["GET", EXECUTIONS] = (200, [left])
    runner = Bench(WorkflowRunner, server, monitor, tmp_path, "workflow-runner")
    runner.ready()
    body = closing(monitor)
    assert body["status"] == "failed"
    assert "workflow-runner-agent-jane-0001" in body["reason"]
    (request,) = monitor.of("GET", EXECUTIONS)
    assert request.params == {"namespace": NAMESPACE, "status": "running"}
    runner.stop()


class SilentRunner(WorkflowRunner):
    """A runner that the monitor has not heard of for a long while."""

    @property
    def longest_silence_s(self) -> float:
        return 1000.0


@pytest.fixture
def silent(
    server: StompServer, monitor: MonitorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """Such a runner, READY."""
    monkeypatch.chdir(ROOT)
    made = Bench(SilentRunner, server, monitor, tmp_path, "workflow-runner")
    made.ready()
    yield made
    made.stop()


@pytest.mark.parametrize("answer", [(200, {"status": "running"}), (503, {}), (500, {})])
def test_after_a_silence_the_runner_goes_on_unless_its_execution_has_ended(
    silent: Bench, monitor: MonitorServer, answer: tuple[int, Any]
) -> None:
    monitor.answers["GET", f"{EXECUTIONS}{EXECUTION_ID}/"] = answer
    Commands(silent).run()
    assert closing(monitor)["status"] == "completed"


def test_after_a_silence_the_runner_gives_up_what_the_recorder_has_ended(
    silent: Bench, monitor: MonitorServer
) -> None:
    ended = {"status": "failed", "reason": "its workflow-runner is gone"}
    monitor.answers["GET", f"{EXECUTIONS}{EXECUTION_ID}/"] = (200, ended)
    commands = Commands(silent)
    commands.run()
    ready = {"operational_state": "READY", "current_stf_count": 0}
    monitor.wait(lambda: len(monitor.beats(**ready)) > 1, "the runner is READY again")
    assert monitor.of("PATCH", f"{EXECUTIONS}{EXECUTION_ID}/") == []
    assert [message["msg_type"] for message in silent.sent()] == []
