"""Deaths and pauses in mid-run: each is an incident, and the verdict is the same everywhere."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import APIError

from testbed.engine.docker_containers import connect
from tests.engine import docker
from tests.faults.conftest import SHORT_DELAYS
from tests.faults.test_deaths import RunWith, check_exactly_once
from tests.mcp_client import McpClient
from tests.rest import Api
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

KILLS = 8
VICTIMS = (
    *("example-data-agent", "example-processing-agent"),
    *("activemq", "postgres", "monitor", "recorder", "supervisor"),
)


def main_process(stack: TestbedStack, program: str) -> int:
    """The pid of a container's first process, on this host."""
    return int(docker("inspect", "--format", "{{.State.Pid}}", stack.container_id(program)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may kill a container's process by pid")
def test_every_process_killed_by_pid_is_an_incident_and_nothing_is_lost(
    stack: TestbedStack, viewer: Api, run_with: RunWith
) -> None:
    rng = random.Random(20261128)
    killed: list[str] = []

    def kill() -> None:
        for _ in range(KILLS):
            victim = rng.choice(VICTIMS)
            runs = partial(main_process, stack, victim)
            pid = eventually(runs, f"{victim} runs")
            os.kill(pid, signal.SIGKILL)
            killed.append(victim)
            eventually(lambda: runs() not in (0, pid), f"{victim} is back")  # noqa: B023

    code, report = run_with(kill)
    assert code == 0, report
    assert [one["program"] for one in report["incidents"]] == killed
    assert {one["signal"] for one in report["incidents"]} == {"SIGKILL"}
    assert all(one["away_s"] is not None for one in report["incidents"])
    check_exactly_once(viewer, report)


def test_a_runner_that_is_paused_goes_on_and_its_run_ends_the_same_in_every_place(
    stack: TestbedStack, viewer: Api, run_with: RunWith
) -> None:
    def pause() -> None:
        runner = stack.container_id("workflow-runner")
        docker("pause", runner)
        try:

            def retired() -> bool:
                rows = viewer.get("systemagents/", container_id=runner)
                return bool(rows[-1]["operational_state"] == "EXITED")

            eventually(retired, "the recorder takes the runner for dead", 45)
        finally:
            docker("unpause", runner)

    code, report = run_with(pause)
    assert (code, report["status"]) == (0, "completed")
    assert report["stf"]["generated"] == 30
    assert [one["kind"] for one in report["incidents"]] == ["paused"]
    check_exactly_once(viewer, report)
    check_one_verdict(stack, viewer, report)


def test_an_agent_in_a_crash_loop_ends_an_endless_run(stack: TestbedStack, viewer: Api) -> None:
    assert stack.command("up").returncode == 0
    victim = stack.container_id("example-processing-agent")
    endless = ["--set=fast_processing.stf_count=0", "--set=physics_period_duration=1e6"]
    with stack.command_in_background("run", "--json", *SHORT_DELAYS, *endless) as process:
        running = lambda: viewer.get("workflow-executions/", status="running")  # noqa: E731
        eventually(running, "the run has begun", 60)
        container = connect().containers.get(victim)

        def crash_again() -> bool:
            if process.poll() is None:
                with suppress(APIError):  # it is just down
                    container.exec_run(["sh", "-c", "kill -SEGV $(cat /proc/1/task/1/children)"])
            return process.poll() is not None

        eventually(crash_again, "the command has given up", 120)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 4, errors
    assert "example-processing-agent has crashed 4 times in a row" in output
    assert stack.command("up").returncode == 0


def check_one_verdict(stack: TestbedStack, viewer: Api, report: Any) -> None:
    """Exit code, JSON, REST, MCP and `testbed report` say the same of a run."""
    execution_id = report["execution_id"]
    execution = viewer.get(f"workflow-executions/{execution_id}/")
    kept = execution["performance_metrics"]["report"]
    assert execution["status"] == report["status"]
    assert (kept["verdict"], kept["exit_code"]) == (report["verdict"], report["exit_code"])
    assert kept["incidents"] == report["incidents"]
    reader = McpClient(lambda: stack.monitor_url, stack.session.project.secret("token_viewer"))
    seen = reader.call("get_workflow_monitor", execution_id=execution_id)
    assert (seen["status"], seen["verdict"]) == (report["status"], report["verdict"])
    assert (seen["exit_code"], seen["drained"], seen["open"]) == (report["exit_code"], True, [])
    assert seen["incidents"] == [one["text"] for one in report["incidents"]]
    again = stack.command("report", execution_id)
    assert again.returncode == report["exit_code"]
    assert again.stdout.splitlines()[0] == f"Verdict     {report['verdict']}"
