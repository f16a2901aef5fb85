"""What waited for an agent that comes back: worked off, unless it is stale."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agents.runtime import backlog
from agents.runtime.backlog import ended_before, why_stale
from swf_common.protocol.message import utc_now
from tests.unit.agents.bench import PROGRAM, Bench, Echo, stf_gen
from tests.unit.testbed.monitor_server import MonitorServer

EXECUTION = "stf_datataking-jane-0001"
QUEUE = f"/queue/Consumer.torre1-{PROGRAM}.epictopic"
ON, OFF = {"enabled": True}, {"enabled": False}
NAMED = {"enabled": True, "program": "somebody-else"}
DATA = {"enabled": True, "program": "example-data-agent"}
YESTERDAY = utc_now() - timedelta(days=1)


def execution(status: str = "completed", days_ago: float = 1, **agents: Any) -> dict[str, Any]:
    ended = (utc_now() - timedelta(days=days_ago)).isoformat()
    return {
        "status": status,
        "end_time": None if status == "running" else ended,
        "parameter_values": {"agents": agents},
    }


@pytest.mark.parametrize(
    "record",
    [
        execution("running", processing=OFF),
        execution(processing=ON),
        execution(),
        execution(mine={"enabled": True, "program": "example-processing-agent"}),
        execution(mine=ON),
        {"status": "completed", "end_time": None, "parameter_values": None},
        {},
    ],
)
def test_an_agent_that_comes_back_works_off_what_may_be_its_own(record: dict[str, Any]) -> None:
    assert why_stale(record, "processing", "example-processing-agent", 7) == ""


@pytest.mark.parametrize("status", ["completed", "failed", "terminated"])
@pytest.mark.parametrize("agents", [{"processing": OFF}, {"data": DATA}, {"mine": NAMED}])
def test_what_is_of_an_ended_execution_without_the_agent_is_stale(
    status: str, agents: dict[str, Any]
) -> None:
    reason = why_stale(execution(status, **agents), "processing", "example-processing-agent", 7)
    assert reason == "it ended, and had been started without this agent"


@pytest.mark.parametrize(
    ("days_ago", "days", "stale"), [(8, 7, True), (6, 7, False), (99, 0, False)]
)
def test_what_is_of_an_execution_that_ended_long_ago_is_stale(
    days_ago: float, days: float, stale: bool
) -> None:
    record = execution(days_ago=days_ago, processing=ON)
    reason = why_stale(record, "processing", "example-processing-agent", days)
    assert reason == ("it ended more than 7 days ago" if stale else "")


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


# --- In a running agent ---------------------------------------------------------------------


def deliver(bench: Bench, number: int = 1, **facts: Any) -> None:
    """Deliver a message that was sent yesterday."""
    headers = facts.pop("headers", {})
    content = stf_gen(number, timestamp=YESTERDAY.isoformat(), **facts)
    bench.deliver(content, number, **{"destination": QUEUE, **headers})


def record(monitor: MonitorServer, **facts: Any) -> None:
    monitor.answers["GET", f"workflow-executions/{EXECUTION}/"] = (200, execution(**facts))


def test_a_stale_message_is_acknowledged_and_not_handled(
    bench: Bench, monitor: MonitorServer
) -> None:
    record(monitor, data=DATA)
    bench.ready()
    deliver(bench, 1)
    deliver(bench, 2)
    assert bench.acknowledged(2) == ["ack-1", "ack-2"]
    assert Echo.handled == []
    bench.stop()
    assert monitor.beats(operational_state="EXITED")[-1]["metadata"]["stale_messages"] == 2
    asked = monitor.of("GET", f"workflow-executions/{EXECUTION}/")
    assert len(asked) == 1, "an execution is asked for once"


def test_a_backlog_of_an_execution_with_the_agent_is_worked_off(
    bench: Bench, monitor: MonitorServer
) -> None:
    record(monitor, mine={"enabled": True, "program": PROGRAM})
    bench.ready()
    deliver(bench)
    assert bench.acknowledged() == ["ack-1"]
    assert len(Echo.handled) == 1


def test_what_was_sent_after_the_agents_start_is_not_asked_for(
    bench: Bench, monitor: MonitorServer
) -> None:
    record(monitor, data=DATA)
    bench.ready()
    bench.deliver(stf_gen(timestamp=utc_now().isoformat()), destination=QUEUE)
    assert bench.acknowledged() == ["ack-1"]
    assert len(Echo.handled) == 1
    assert monitor.of("GET", f"workflow-executions/{EXECUTION}/") == []


@pytest.mark.parametrize(
    "headers", [{"destination": "/queue/workflow_control"}, {"retried": "true"}]
)
def test_commands_and_what_an_operator_retries_are_never_stale(
    bench: Bench, monitor: MonitorServer, headers: dict[str, str]
) -> None:
    record(monitor, data=DATA)
    bench.ready()
    deliver(bench, headers=headers)
    assert bench.acknowledged() == ["ack-1"]
    assert len(Echo.handled) == 1


def test_while_the_monitor_does_not_answer_nothing_is_dropped(
    bench: Bench, monitor: MonitorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "RETRY_AFTER_S", 0.0)
    monitor.answers["GET", f"workflow-executions/{EXECUTION}/"] = (503, {})
    bench.ready()
    deliver(bench, 1)
    bench.acknowledged()
    assert len(Echo.handled) == 1
    record(monitor, data=DATA)
    deliver(bench, 2)
    bench.acknowledged(2)
    assert len(Echo.handled) == 1, "now it is known"


@pytest.mark.parametrize("status", [503, 404])
def test_an_execution_that_is_not_known_is_asked_for_once_in_a_while(
    bench: Bench, monitor: MonitorServer, status: int
) -> None:
    monitor.answers["GET", f"workflow-executions/{EXECUTION}/"] = (status, {})
    bench.ready()
    for number in (1, 2, 3):
        deliver(bench, number)
    bench.acknowledged(3)
    assert len(Echo.handled) == 3
    assert len(monitor.of("GET", f"workflow-executions/{EXECUTION}/")) == 1
