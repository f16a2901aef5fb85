"""Which files are needed: until those who take part in an execution have come to their end."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import yaml

from agents.runtime.needs import KNOWN_FOR_S, PROGRAMS, Needs, ended_before
from swf_common.protocol.message import utc_now
from swf_common.service.monitor_client import MonitorClient, MonitorUnavailable
from testbed.project import ROOT
from testbed.testing import FakeClock
from tests.unit.testbed.monitor_server import MonitorServer

RUN = "100010"
STF = "swf.100010.000001.stf"
ON: dict[str, Any] = {"enabled": True, "program": None}
ALL = {"data": ON, "processing": ON, "fastmon": ON, "fast_processing": ON, "transformer": ON}
REGISTERED: dict[str, Any] = {"status": "registered", "metadata": {}}
PROCESSED = {"status": "processed", "metadata": {"processed_by": "p", "outputs": []}}
SAMPLED = {"status": "registered", "metadata": {"sampled_by": "f", "tf_files": 7}}
BOTH = {
    "status": "processed",
    "metadata": {"processed_by": "p", "outputs": [], "sampled_by": "f", "tf_files": 7},
}
REJECTED = {"status": "failed", "metadata": {"failure": "it is damaged"}}
UNPROCESSED = {"status": "failed", "metadata": {"processed_by": "p", "failure": "why"}}
UNSAMPLED = {"status": "failed", "metadata": {"sampled_by": "f", "failure": "why"}}
UNSAMPLED_PROCESSED = {
    "status": "failed",
    "metadata": {"sampled_by": "f", "failure": "why", "processed_by": "p", "outputs": []},
}
SAMPLED_UNPROCESSED = {
    "status": "failed",
    "metadata": {"sampled_by": "f", "tf_files": 7, "processed_by": "p", "failure": "why"},
}
STRANGER = {**ALL, "mine": {"enabled": True, "program": "my-agent"}}


class Records:
    """What the monitor has recorded of one STF, and who judges by it."""

    def __init__(self, monitor: MonitorServer) -> None:
        self.monitor = monitor
        self.clock = FakeClock(limit_s=2 * KNOWN_FOR_S)
        client = MonitorClient(monitor.url, "token", threading.Event())
        self.needs = Needs(client, "torre1", days=7, clock=self.clock)
        self.stf(None)

    def agents(self, agents: dict[str, Any], ended_days_ago: float | None = None) -> None:
        execution: dict[str, Any] = {"execution_id": "x-1", "parameter_values": {"agents": agents}}
        if ended_days_ago is not None:
            ended = utc_now() - timedelta(days=ended_days_ago)
            execution["end_time"] = ended.isoformat()
        self.monitor.answers["GET", "workflow-executions/"] = (200, [execution])

    def stf(self, record: dict[str, Any] | None) -> None:
        self.monitor.answers["GET", "stf-files/"] = (200, [] if record is None else [record])

    def slices(self, *statuses: str) -> None:
        rows = [{"status": status, "tf_count": 2} for status in statuses]
        self.monitor.answers["GET", "tf-slices/"] = (200, rows)
        self.monitor.answers["GET", "fastmon-files/"] = (200, [{"tf_count": 4}])


@pytest.fixture
def records(monitor: MonitorServer) -> Records:
    return Records(monitor)


STFS = {
    "not registered": (ALL, None, True),
    "nobody registers it": ({"fastmon": ON}, None, False),
    "nobody is done": (ALL, REGISTERED, True),
    "not sampled": (ALL, PROCESSED, True),
    "not processed": (ALL, SAMPLED, True),
    "everybody is done": (ALL, BOTH, False),
    "failed when it was registered": (ALL, REJECTED, False),
    "processing failed and it is not sampled": (ALL, UNPROCESSED, True),
    "sampling failed and it is not processed": (ALL, UNSAMPLED, True),
    "sampling failed and it is processed": (ALL, UNSAMPLED_PROCESSED, False),
    "processing failed and it is sampled": (ALL, SAMPLED_UNPROCESSED, False),
    "processing failed without fast monitoring": (
        {"data": ON, "processing": ON},
        UNPROCESSED,
        False,
    ),
    "metadata of another form": (ALL, {"status": "registered", "metadata": [1]}, True),
    "without processing": ({"data": ON, "fastmon": ON}, SAMPLED, False),
    "without fast monitoring": ({"data": ON, "processing": ON}, PROCESSED, False),
    "by another name": (
        {"data": ON, "mine": {"enabled": True, "program": "example-fastmon-agent"}},
        REGISTERED,
        True,
    ),
}


@pytest.mark.parametrize(("agents", "record", "needed"), STFS.values(), ids=STFS)
def test_an_stf_is_needed_until_every_agent_has_come_to_an_end_with_it(
    records: Records, agents: dict[str, Any], record: dict[str, Any] | None, needed: bool
) -> None:
    records.agents(agents)
    records.stf(record)
    assert records.needs.stf(RUN, STF) is needed


@pytest.mark.parametrize(("known", "needed"), [(1, True), (0, False)])
def test_when_nobody_said_who_takes_part_those_do_that_were_ever_started(
    records: Records, known: int, needed: bool
) -> None:
    records.agents({})
    records.stf(PROCESSED)
    records.monitor.answers["GET", "systemagents/"] = (200, {"count": known})
    assert records.needs.stf(RUN, STF) is needed
    (asked,) = records.monitor.of("GET", "systemagents/")
    assert asked.params == {
        "namespace": "torre1",
        "program": "example-fastmon-agent",
        "limit": "1",
    }


@pytest.mark.parametrize(
    ("end_time", "queues", "needed"),
    [
        (None, [], True),
        ("2026-01-05T12:00:00Z", [{"depth": 1}], True),
        ("2026-01-05T12:00:00Z", None, True),
        ("2026-01-05T12:00:00Z", [{"depth": 0}], False),
    ],
)
def test_an_agent_that_nobody_knows_needs_every_stf_until_nothing_waits(
    records: Records, end_time: str | None, queues: Any, needed: bool
) -> None:
    records.agents(STRANGER)
    records.stf(BOTH)
    records.monitor.answers["GET", "workflow-executions/x-1/"] = (200, {"end_time": end_time})
    records.monitor.answers["GET", "backlog/"] = (200, {"queues": queues})
    assert records.needs.stf(RUN, STF) is needed


def test_a_strangers_stf_is_needed_though_nobody_has_registered_it(records: Records) -> None:
    records.agents({"mine": {"enabled": True, "program": "my-agent"}})
    records.monitor.answers["GET", "workflow-executions/x-1/"] = (200, {"end_time": None})
    assert records.needs.stf(RUN, STF)


SLICES: dict[str, tuple[dict[str, Any] | None, list[str], bool]] = {
    "all have results": (SAMPLED, ["completed", "failed"], False),
    "one waits": (SAMPLED, ["completed", "queued"], True),
    "one is worked on": (SAMPLED, ["processing", "completed"], True),
    "not all are cut": (SAMPLED, ["completed"], True),
    "none is cut": (SAMPLED, [], True),
    "being sampled": (REGISTERED, [], True),
    "failed when it was registered": (REJECTED, [], False),
    "sampling failed": (UNSAMPLED, [], False),
    "processing failed before": (UNPROCESSED, [], True),
    "processing failed after": (SAMPLED_UNPROCESSED, ["queued", "queued"], True),
    "processing failed and all have results": (
        SAMPLED_UNPROCESSED,
        ["completed", "failed"],
        False,
    ),
    "unknown": (None, [], False),
}


@pytest.mark.parametrize(("record", "slices", "needed"), SLICES.values(), ids=SLICES)
def test_samples_are_needed_until_each_slice_has_its_result(
    records: Records, record: dict[str, Any] | None, slices: list[str], needed: bool
) -> None:
    records.agents(ALL)
    records.stf(record)
    records.slices(*slices)
    assert records.needs.samples(RUN, STF) is needed


def test_samples_that_nobody_slices_are_not_needed(records: Records) -> None:
    records.agents({"data": ON, "fastmon": ON})
    records.stf(SAMPLED)
    assert not records.needs.samples(RUN, STF)


@pytest.mark.parametrize(
    ("record", "needed"),
    [
        (REGISTERED, True),
        (PROCESSED, False),
        (REJECTED, False),
        (UNPROCESSED, False),
        (UNSAMPLED, True),
        (None, False),
    ],
)
def test_an_output_is_needed_until_it_is_recorded(
    records: Records, record: dict[str, Any] | None, needed: bool
) -> None:
    records.agents(ALL)
    records.stf(record)
    assert records.needs.output(RUN, STF) is needed


def test_a_run_without_an_execution_needs_nothing(records: Records) -> None:
    assert not records.needs.stf(RUN, STF)
    assert not records.needs.samples(RUN, STF)
    assert not records.needs.output(RUN, STF)


def test_while_the_monitor_is_away_nobody_can_say(records: Records) -> None:
    records.monitor.away = True
    with pytest.raises(MonitorUnavailable):
        records.needs.stf(RUN, STF)


def test_while_the_monitor_fails_nobody_can_say(records: Records) -> None:
    records.monitor.answers["GET", "workflow-executions/"] = (500, "it has an error")
    with pytest.raises(ConnectionError, match="does not say"):
        records.needs.stf(RUN, STF)


@pytest.mark.parametrize("parameters", [[], None, "text", {"agents": [1]}, {"agents": {"data": 1}}])
def test_parameters_of_another_form_name_no_agents(records: Records, parameters: Any) -> None:
    execution = {"execution_id": "x-1", "parameter_values": parameters}
    records.monitor.answers["GET", "workflow-executions/"] = (200, [execution])
    records.monitor.answers["GET", "systemagents/"] = (200, {"count": 0})
    assert not records.needs.stf(RUN, STF)


def test_the_programs_are_those_of_the_services_in_compose() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    labels = [service.get("labels", {}) for service in services]
    assert {
        one["org.epic.testbed.agent"]: one["org.epic.testbed.program"]
        for one in labels
        if one.get("org.epic.testbed.role") == "agent"
    } == PROGRAMS


@pytest.mark.parametrize(("days_ago", "needed"), [(6.9, True), (7.1, False)])
def test_an_stf_is_needed_for_some_days_after_its_execution_has_ended(
    records: Records, days_ago: float, needed: bool
) -> None:
    records.agents(ALL, ended_days_ago=days_ago)
    records.stf(REGISTERED)
    assert records.needs.stf(RUN, STF) is needed


def test_that_an_execution_ended_long_ago_is_noticed_while_the_agent_runs(
    records: Records,
) -> None:
    records.agents(ALL)
    records.stf(REGISTERED)
    assert records.needs.stf(RUN, STF)
    records.agents(ALL, ended_days_ago=8)
    records.clock.sleep(KNOWN_FOR_S + 1)
    assert not records.needs.stf(RUN, STF)


@pytest.mark.parametrize(
    ("end_time", "days", "before"),
    [
        (None, 7, False),
        ("never", 7, False),
        ("2026-01-01T00:00:00", 7, False),  # without an offset it could be any moment
        ("2026-01-01T00:00:00Z", 7, True),
        ("2026-01-01T00:00:00Z", 0, False),
    ],
)
def test_an_end_is_compared_with_the_days_that_are_set(
    end_time: Any, days: float, before: bool
) -> None:
    assert ended_before(end_time, days) is before
