"""The records of executions at the monitor: definitions are immutable."""

from __future__ import annotations

import threading

import pytest

from agents.programs.workflow_runner.records import AlreadyTaken, ExecutionRecords
from swf_common.service.monitor_client import MonitorClient, MonitorRefused
from tests.unit.testbed.monitor_server import MonitorServer

DEFINITIONS = "workflow-definitions/"
OWNER = {"executed_by": "jane", "runner_instance": "runner-0001", "container_id": "ab" * 32}


@pytest.fixture
def records(monitor: MonitorServer) -> ExecutionRecords:
    client = MonitorClient(monitor.url, "token", threading.Event())
    return ExecutionRecords(client, "torre1", OWNER)


def test_a_new_workflow_is_defined(records: ExecutionRecords, monitor: MonitorServer) -> None:
    assert records.definition("stf_datataking", "1.0", "source") == 3
    (request,) = monitor.of("POST", DEFINITIONS)
    assert request.body["version"] == "1.0"
    assert request.body["definition"] == "source"


def test_a_known_workflow_keeps_its_definition(
    records: ExecutionRecords, monitor: MonitorServer
) -> None:
    monitor.answers["GET", DEFINITIONS] = (200, [{"id": 9, "definition": "source"}])
    assert records.definition("stf_datataking", "1.0", "source") == 9
    assert monitor.of("POST", DEFINITIONS) == []


def test_a_changed_source_is_a_version_of_its_own(
    records: ExecutionRecords, monitor: MonitorServer
) -> None:
    monitor.answers["GET", DEFINITIONS] = (200, [{"id": 9, "definition": "old source"}])
    records.definition("stf_datataking", "1.0", "new source")
    first, second = (request.params["version"] for request in monitor.of("GET", DEFINITIONS))
    assert first == "1.0"
    assert second.startswith("1.0+")
    assert len(second) == len("1.0+") + 8


def test_a_run_has_the_monitors_next_number(records: ExecutionRecords) -> None:
    assert records.next_run_id() == "100010"


def test_an_execution_is_named_after_workflow_user_and_number(records: ExecutionRecords) -> None:
    assert records.open("stf_datataking", 3, "100010", "c", {}) == "stf_datataking-jane-0007"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"command_id": ["exists"]}), AlreadyTaken),
        ((400, {"namespace": ["bad"]}), MonitorRefused),
        ((403, {"command_id": "forbidden"}), MonitorRefused),
    ],
)
def test_a_refused_record_tells_a_second_command_from_other_reasons(
    records: ExecutionRecords,
    monitor: MonitorServer,
    answer: tuple[int, object],
    error: type[Exception],
) -> None:
    monitor.answers["POST", "workflow-executions/"] = answer
    with pytest.raises(error):
        records.open("stf_datataking", 3, "100010", "c", {})
