"""Kill any container in mid-run: after recovery every STF is there exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine import docker
from tests.rest import Api
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

RunWith = Callable[[Callable[[], object]], tuple[int, Any]]


def check_exactly_once(viewer: Api, report: Any) -> None:
    """Every generated STF was announced, registered and processed once, no more, no less."""
    generated = report["stf"]["generated"]
    rows = viewer.get("workflow-messages/", execution_id=report["execution_id"])
    for kind in ("stf_gen", "stf_ready", "processing_complete"):
        names = Counter(
            row["message_content"]["filename"] for row in rows if row["message_type"] == kind
        )
        assert len(names) == generated, kind
        assert set(names.values()) == {1}, kind
    files = viewer.get("stf-files/", run_number=report["run_id"])
    assert Counter(row["status"] for row in files) == {"processed": generated}
    assert sum(row["message_type"] == "end_run" for row in rows) == 1
    execution = viewer.get(f"workflow-executions/{report['execution_id']}/")
    assert execution["end_time"] is not None


@pytest.mark.parametrize("victim", ["example-data-agent", "example-processing-agent"])
def test_an_agent_killed_in_mid_run_is_revived_and_loses_nothing(
    stack: TestbedStack, viewer: Api, run_with: RunWith, victim: str
) -> None:
    code, report = run_with(lambda: docker("kill", stack.container_id(victim)))
    assert (code, report["status"]) == (0, "completed")
    assert report["stf"]["generated"] == 30
    assert any(victim in one["text"] for one in report["incidents"])
    check_exactly_once(viewer, report)


def test_a_runner_killed_in_mid_run_ends_its_execution_as_failed(
    stack: TestbedStack, viewer: Api, run_with: RunWith
) -> None:
    code, report = run_with(lambda: docker("kill", stack.container_id("workflow-runner")))
    assert (code, report["status"]) == (6, "failed")
    assert "workflow-runner died" in report["reason"]
    check_exactly_once(viewer, report)


def test_a_recorder_killed_in_mid_run_loses_nothing(
    stack: TestbedStack, viewer: Api, run_with: RunWith
) -> None:
    def kill() -> None:
        victim = stack.container_id("recorder")
        docker("kill", victim)
        docker("start", victim)

    code, report = run_with(kill)
    assert (code, report["stf"]["generated"]) == (0, 30)
    check_exactly_once(viewer, report)


@pytest.mark.parametrize("victim", ["activemq", "postgres", "monitor"])
def test_a_backend_killed_in_mid_run_and_started_again_loses_nothing(
    stack: TestbedStack, viewer: Api, run_with: RunWith, victim: str
) -> None:
    def kill() -> None:
        container = stack.container_id(victim)
        docker("kill", container)
        docker("start", container)

    code, report = run_with(kill)
    assert (code, report["stf"]["generated"]) == (0, 30), report
    check_exactly_once(viewer, report)


def test_a_frozen_agent_is_called_stale_within_its_intervals(
    stack: TestbedStack, viewer: Api
) -> None:
    assert stack.command("up").returncode == 0
    victim = stack.container_id("example-data-agent")
    docker("pause", victim)
    try:

        def state() -> str:
            rows = viewer.get("systemagents/", container_id=victim)
            return str(rows[-1]["operational_state"])

        eventually(lambda: state() == "EXITED", "the recorder retires the silent agent", 45)
        status = stack.command("status")
        assert status.returncode == 3
        assert "NOT READY: example-data-agent" in status.stdout
    finally:
        docker("unpause", victim)
    eventually(lambda: state() == "READY", "the agent is back", 30)


def test_a_runner_that_is_stopped_while_the_broker_is_away_says_so(
    stack: TestbedStack, viewer: Api, run_with: RunWith
) -> None:
    runner = ""

    def stop() -> None:
        nonlocal runner
        runner, broker = stack.container_id("workflow-runner"), stack.container_id("activemq")
        docker("pause", broker)  # a killed one would be started again at once
        docker("stop", runner)  # after its grace period Docker would kill it
        docker("unpause", broker)

    code, report = run_with(stop)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", runner) == "0"
    (row,) = viewer.get("systemagents/", container_id=runner)[-1:]
    assert (row["operational_state"], row["status"]) == ("EXITED", "EXITED")
    assert (code, report["status"]) == (6, "failed")


def test_an_agent_that_is_stopped_says_so_at_once(stack: TestbedStack, viewer: Api) -> None:
    assert stack.command("up").returncode == 0
    victim = stack.container_id("example-data-agent")
    docker("stop", victim)
    (row,) = viewer.get("systemagents/", container_id=victim)[-1:]
    assert (row["operational_state"], row["status"]) == ("EXITED", "EXITED")
