"""Our agents beside the predecessor's runner, which has one login for everything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.broker import broker_of
from tests.mcp_client import McpClient
from tests.predecessor import OldRunner, Site, send_workflow_command
from tests.rest import Api
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

STFS = 3
CONFIG = {
    "workflow": {"name": "stf_datataking", "version": "0.9"},
    "fast_processing": {
        "target_worker_count": 30,
        "stf_sampling_rate": 1.0,
        "slices_per_sample": 15,
    },
}
COMMAND = {"workflow_name": "stf_datataking", "realtime": False}


@pytest.fixture(scope="module")
def stack() -> Iterator[TestbedStack]:
    """A testbed with agents of its own and the login `legacy`, and without a runner of its own."""
    from tests.stacks import WITH_PORTS, running

    with running(
        files=WITH_PORTS,
        overrides=("agents.fastmon.enabled=true", "agents.fast_processing.enabled=true"),
        environment={"TESTBED_LEGACY_LOGIN": "true"},
    ) as stack:
        done = stack.command("agents", "stop", "workflow-runner")
        assert done.returncode == 0, done.stderr
        yield stack


@pytest.fixture(scope="module")
def site(stack: TestbedStack) -> Site:
    """Where its programs are pointed to, with the one login."""
    broker = broker_of(stack, "legacy")
    return Site(
        stack.monitor_url,
        stack.session.project.secret("token_agent"),
        broker.host,
        broker.port,
        broker.password,
        stack.namespace,
        "legacy",
    )


@pytest.fixture(scope="module")
def runner(site: Site) -> Iterator[OldRunner]:
    """Its runner, which takes commands and answers none."""
    started = OldRunner(site)
    started.start()
    started.wait_subscribed()
    yield started
    started.exit()
    assert started.failures == []


def test_a_run_of_its_runner_is_registered_and_nothing_of_it_is_refused(
    stack: TestbedStack, runner: OldRunner
) -> None:
    viewer = Api(stack, "viewer")
    runner.begin("stf_datataking", "0.9", "class WorkflowExecutor: ...", CONFIG)
    runner.run_imminent()
    runner.start_run()
    names = [runner.stf_gen() for _ in range(STFS)]
    runner.pause_run()
    runner.resume_run()
    runner.end_run()

    def closed() -> list[Any]:
        rows = viewer.get("runs/", run_number=runner.run_id)
        return [row for row in rows if row["end_time"]]

    eventually(closed, "our data agent closes the run", 60)
    rows = viewer.get("stf-files/", run_number=runner.run_id)
    assert sorted(row["stf_filename"] for row in rows) == names
    assert {row["status"] for row in rows} == {"registered"}
    assert {row["checksum"] for row in rows} == {None}

    def notes(program: str) -> list[str]:
        lines = viewer.get("logs/", app_name=program)
        return [line["message"] for line in lines if "said once" in line["message"]]

    for program, what in (
        ("example-data-agent", "they are not verified"),
        ("example-processing-agent", "none is processed"),
        ("example-fastmon-agent", "none is sampled"),
    ):
        said = [f"run {runner.run_id}: STFs come without a file: {what} (said once)"]
        eventually(lambda p=program, s=said: notes(p) == s, f"{program} says what follows", 30)  # type: ignore[misc]
    eventually(
        lambda: all(not queue["depth"] for queue in viewer.get("backlog/")["queues"]),
        "everything is handled",
        30,
    )
    assert viewer.get("dead-letters/") == []
    assert viewer.get("logs/", level=40) == []


def test_a_start_that_its_runner_takes_and_does_not_answer_may_be_carried_out(
    stack: TestbedStack, runner: OldRunner
) -> None:
    started = time.monotonic()
    answer = Api(stack, "operator").post("workflow-executions/start/", COMMAND)
    assert time.monotonic() - started < 6
    assert answer.status_code == 504, answer.text
    told = answer.json()
    assert "not answered in 4.5 s" in told["detail"]
    assert "may be carried out" in told["detail"]
    (taken,) = [one for one in runner.received if one["message_id"] == told["message_id"]]
    assert taken["msg_type"] == "run_workflow"


def test_a_language_model_gets_the_same_words(stack: TestbedStack, runner: OldRunner) -> None:
    key = stack.session.project.secret("token_operator")
    text = McpClient(lambda: stack.monitor_url, key).refused("start_workflow", **COMMAND)
    assert "not answered in 4.5 s" in text
    assert "may be carried out" in text
    assert runner.received[-1]["message_id"] in text


def test_its_command_script_reaches_its_runner_with_the_one_login(
    site: Site, runner: OldRunner
) -> None:
    send_workflow_command(site, {"msg_type": "run_workflow", **COMMAND, "config": "script"})
    eventually(
        lambda: [one for one in runner.received if one.get("config") == "script"],
        "the runner takes the command",
    )


def test_with_the_login_of_agents_the_script_is_refused_and_only_the_broker_says_so(
    stack: TestbedStack, site: Site
) -> None:
    password = stack.session.project.secret("mq_agent")
    strict = Site(site.monitor_url, site.token, site.host, site.port, password, site.namespace)
    send_workflow_command(strict, {"msg_type": "run_workflow", **COMMAND})
    refusal = "User agent is not authorized to write to: queue://workflow_control"
    eventually(
        lambda: refusal in stack.command("logs", "activemq").stdout, "the line in its log", 30
    )


def test_without_any_runner_a_start_says_that_it_will_not_be_carried_out(
    stack: TestbedStack, runner: OldRunner
) -> None:
    runner.conn.unsubscribe(id=1)
    runner.wait_subscribed()  # the broker has seen it
    answer = Api(stack, "operator").post("workflow-executions/start/", COMMAND)
    assert answer.status_code == 503, answer.text
    assert "will not be carried out" in answer.json()["detail"]
