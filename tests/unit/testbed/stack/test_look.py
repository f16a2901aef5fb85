"""Looking at a testbed: engine and monitor joined into one status."""

from __future__ import annotations

from pathlib import Path

import pytest

from swf_common.configuration import Configuration
from testbed.monitor_client.client import Monitor
from testbed.project import Project
from testbed.stack.session import MONITOR_PORT, MONITOR_SERVICE, Session
from testbed.stack.status import read_status
from testbed.testing import FakeCompose, FakeContainers, FakeMonitor
from tests.unit.samples import compose_services
from tests.unit.testbed.testbed_files import Files

DATA = "example-data-agent"
URL = "http://127.0.0.1:49153"


class Bed(Session):
    """A session whose engine and monitor are fakes, with everything up and ready."""

    containers: FakeContainers

    def __init__(self, root: Path, configuration: Configuration) -> None:
        super().__init__(Project(configuration.namespace, root), configuration)
        self.containers = FakeContainers()
        self.containers.ports[MONITOR_SERVICE, MONITOR_PORT] = ("127.0.0.1", 49153)
        self.compose = FakeCompose(compose_services(), self.containers)
        self.fake = FakeMonitor(self.containers.clock, configuration.namespace)
        for name in ("activemq", "postgres", MONITOR_SERVICE):
            self.containers.add(name)
        for name in (DATA, "workflow-runner"):
            self.fake.heartbeat(self.containers.add(name))

    def monitor(self) -> Monitor:
        return self.fake


@pytest.fixture
def bed(files: Files) -> Bed:
    files.more("[agents.data]\nenabled = true\n")
    return Bed(files.folder, files.resolve())


def test_a_testbed_that_is_up_is_ready(bed: Bed) -> None:
    seen = read_status(bed)
    assert (seen.verdict, seen.monitor_url) == ("testbed-torre1 is READY", URL)
    assert [agent.program for agent in seen.gate.agents] == [DATA, "workflow-runner"]


def test_a_service_that_runs_once_is_no_part_of_the_backends_state(bed: Bed) -> None:
    assert [name for name, _, _ in read_status(bed).backend] == ["activemq", "postgres", "monitor"]


def test_a_running_execution_is_shown(bed: Bed) -> None:
    execution_id = bed.fake.start_workflow({"workflow_name": "stf_datataking"})
    seen = read_status(bed)
    assert seen.verdict == f"testbed-torre1 is RUNNING {execution_id}"
    assert seen.as_json()["executions"][0]["run_number"] == 100010


def test_dead_letters_are_counted(bed: Bed) -> None:
    bed.fake.dead_letters = 3
    assert read_status(bed).as_json()["dead_letters"] == 3


def test_a_monitor_that_is_away_leaves_what_the_engine_knows(bed: Bed) -> None:
    bed.fake.away = True
    seen = read_status(bed)
    assert "DEGRADED: The monitor does not answer" in seen.verdict
    assert [agent.reason for agent in seen.gate.agents] == ["the monitor does not answer"] * 2
    assert {agent["container_state"] for agent in seen.as_json()["agents"]} == {"running"}


def test_a_missing_service_is_told(bed: Bed) -> None:
    (broker,) = [found for found in bed.containers.all() if found.program == "activemq"]
    bed.containers.remove(broker.container_id)
    assert read_status(bed).verdict == "testbed-torre1 is DEGRADED: activemq missing (-)"


def test_a_service_without_a_health_check_is_fine_while_it_runs(bed: Bed) -> None:
    (broker,) = [found for found in bed.containers.all() if found.program == "activemq"]
    bed.containers.change(broker.container_id, health=None)
    seen = read_status(bed)
    assert seen.backend[0] == ("activemq", "running", "-")
    assert seen.ready


def test_an_agent_that_runs_for_another_workflow_is_shown_and_not_demanded(bed: Bed) -> None:
    other = "example-processing-agent"
    bed.containers.add(other)
    seen = read_status(bed)
    assert seen.ready
    (shown,) = (agent for agent in seen.as_json()["agents"] if agent["program"] == other)
    assert (shown["container_state"], shown["required"]) == ("running", False)
    assert shown["verdict"] == "waiting"
