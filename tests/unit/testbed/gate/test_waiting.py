"""The gate's loop: what is waited for, how long, and what is told when the gate stays shut."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from swf_common.errors import ExitCode
from testbed.engine.inspection import Container
from testbed.gate.decision import Expected
from testbed.gate.plan import Plan
from testbed.gate.waiting import POLL_S, AgentsFailed, AgentsNotReady, Gate
from testbed.testing import FakeClock, FakeContainers, FakeMonitor
from tests.unit.samples import NAMESPACE

DATA = "example-data-agent"
RUNNER = "workflow-runner"


@dataclass
class Bed:
    """A gate on a fake engine and a fake monitor that go with one clock."""

    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.containers = FakeContainers(self.clock)
        self.monitor = FakeMonitor(self.clock)

    def gate(self, *expected: Expected, timeout: float | None = None) -> Gate:
        plan = Plan(
            backend=(),
            expected=expected or (Expected(DATA),),
            scales={},
            others=(),
            agents=(),
            ready_timeout={DATA: 90, RUNNER: 30},
        )
        return Gate(
            NAMESPACE,
            plan,
            self.containers,
            self.monitor,
            timeout,
            clock=self.clock,
            sleep=self.clock.sleep,
        )

    def beat_from(self, seconds: float, container: Container, **facts: Any) -> None:
        """Heartbeats of a container every 5 s, the first one after `seconds`."""
        for number in range(40):
            moment = seconds + 5 * number
            self.clock.at(moment, lambda: self.monitor.heartbeat(container, **facts))


@pytest.fixture
def bed() -> Bed:
    return Bed()


def test_the_gate_opens_at_once_when_every_agent_is_ready(bed: Bed) -> None:
    bed.monitor.heartbeat(bed.containers.add(DATA))
    assert bed.gate().wait().ready
    assert bed.clock() == 0


def test_the_gate_opens_within_one_poll_of_the_last_heartbeat(bed: Bed) -> None:
    bed.beat_from(12.34, bed.containers.add(DATA))
    bed.gate().wait()
    assert 12.34 <= bed.clock() <= 12.34 + POLL_S


def test_without_agents_there_is_nothing_to_wait_for(bed: Bed) -> None:
    gate = bed.gate()
    gate.plan = Plan((), (), {}, (), ())
    assert gate.wait().ready


def test_an_agent_that_is_not_ready_in_its_own_time_ends_the_wait(bed: Bed) -> None:
    bed.containers.add(RUNNER)
    bed.monitor.heartbeat(bed.containers.add(DATA), heartbeat_interval=1000)
    with pytest.raises(AgentsNotReady) as caught:
        bed.gate(Expected(DATA), Expected(RUNNER)).wait()
    assert caught.value.exit_code == ExitCode.NOT_READY
    assert bed.clock() == pytest.approx(30, abs=2 * POLL_S)
    assert str(caught.value).startswith(f"{RUNNER} is not READY after 30 s: no heartbeat")
    assert DATA not in str(caught.value)
    assert "--timeout" in caught.value.hint


@pytest.mark.parametrize("timeout", [0.0, 5.0, 200.0])
def test_a_timeout_for_all_takes_the_place_of_each_programs_own(bed: Bed, timeout: float) -> None:
    bed.containers.add(RUNNER)
    with pytest.raises(AgentsNotReady):
        bed.gate(Expected(RUNNER), timeout=timeout).wait()
    assert bed.clock() == pytest.approx(timeout, abs=2 * POLL_S)


def test_only_the_time_of_this_wait_counts(bed: Bed) -> None:
    bed.containers.add(RUNNER)
    bed.clock.sleep(1000)
    with pytest.raises(AgentsNotReady, match="not READY after 30 s"):
        bed.gate(Expected(RUNNER)).wait()
    assert bed.clock() == pytest.approx(1030, abs=2 * POLL_S)


def test_a_restart_loop_ends_the_wait(bed: Bed) -> None:
    container = bed.containers.add(DATA, restart_count=9)
    for moment in (1, 2, 3, 4):
        bed.clock.at(moment, lambda: bed.containers.restart(container.container_id))
    with pytest.raises(AgentsFailed, match="restart loop: restarted 4 times"):
        bed.gate().wait()
    assert bed.clock() == pytest.approx(4, abs=2 * POLL_S)


def test_restarts_before_the_wait_are_no_restart_loop(bed: Bed) -> None:
    bed.beat_from(12, bed.containers.add(DATA, restart_count=9))
    bed.gate().wait()
    assert bed.clock() == pytest.approx(12, abs=2 * POLL_S)


def test_an_agent_that_died_and_was_late_has_died(bed: Bed) -> None:
    container = bed.containers.add(DATA)
    bed.clock.at(50, lambda: bed.containers.restart(container.container_id))
    with pytest.raises(AgentsFailed, match="no heartbeat") as caught:
        bed.gate().wait()
    assert caught.value.exit_code == ExitCode.AGENT_DIED


def test_an_agent_that_has_died_ends_the_wait_at_once(bed: Bed) -> None:
    container = bed.containers.add(DATA)
    bed.clock.at(3, lambda: bed.containers.exit(container.container_id, 137))
    with pytest.raises(AgentsFailed, match="exited with code 137") as caught:
        bed.gate().wait()
    assert caught.value.exit_code == ExitCode.AGENT_DIED
    assert bed.clock() == pytest.approx(3, abs=2 * POLL_S)


def test_a_restart_during_the_wait_asks_for_a_new_heartbeat(bed: Bed) -> None:
    container = bed.containers.add(DATA)
    bed.monitor.heartbeat(container)
    bed.clock.sleep(1)
    bed.containers.restart(container.container_id)
    bed.clock.at(8, lambda: bed.monitor.heartbeat(container))
    bed.gate().wait()
    assert bed.clock() == pytest.approx(8, abs=2 * POLL_S)


def test_a_monitor_that_is_away_is_waited_for(bed: Bed) -> None:
    bed.beat_from(0, bed.containers.add(DATA))
    bed.monitor.away = True
    bed.clock.at(20, lambda: setattr(bed.monitor, "away", False))
    bed.gate().wait()
    assert bed.clock() == pytest.approx(20, abs=2 * POLL_S)


def test_a_monitor_that_stays_away_leaves_the_agents_not_ready(bed: Bed) -> None:
    bed.containers.add(DATA)
    bed.monitor.away = True
    with pytest.raises(AgentsNotReady, match="the monitor does not answer"):
        bed.gate().wait()


def test_an_optional_agent_is_warned_about_and_keeps_nobody_waiting(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.monitor.heartbeat(bed.containers.add(DATA))
    bed.gate(Expected(DATA), Expected("example-fastmon-agent", required=False)).wait()
    assert bed.clock() == 0
    warning = "warning: optional agent example-fastmon-agent is not ready: has no container"
    assert warning in capsys.readouterr().err


def test_an_unhealthy_container_may_recover(bed: Bed) -> None:
    container = bed.containers.add(DATA, health="unhealthy")
    bed.beat_from(0, container)
    recover = partial(bed.containers.change, container.container_id, health="healthy")
    bed.clock.at(40, recover)
    bed.gate().wait()
    assert bed.clock() == pytest.approx(40, abs=2 * POLL_S)


def test_a_refused_login_ends_as_not_ready_with_its_reason_though_docker_calls_it_unhealthy(
    bed: Bed,
) -> None:
    container = bed.containers.add(DATA, health="starting")
    refused = {"operational_state": "STARTING", "description": "broker: refused login"}
    bed.beat_from(0, container, **refused)
    bed.clock.at(75, partial(bed.containers.change, container.container_id, health="unhealthy"))
    with pytest.raises(AgentsNotReady) as caught:
        bed.gate().wait()
    assert caught.value.exit_code == ExitCode.NOT_READY
    assert bed.clock() == pytest.approx(90, abs=2 * POLL_S)
    first, *rest = str(caught.value).splitlines()
    assert first == f"{DATA} is not READY after 90 s: STARTING: broker: refused login"
    assert any("last heartbeat: STARTING" in line and "refused login" in line for line in rest)


def test_a_failure_tells_what_is_known_of_the_agent_and_what_to_try(bed: Bed) -> None:
    container = bed.containers.add(DATA, restart_count=2)
    bed.monitor.heartbeat(container, status="WARNING", description="no broker: refused")
    bed.containers.tell(
        container.container_id, "connecting", "refused", last_probe="state is STARTING"
    )
    bed.containers.exit(container.container_id, 3)
    with pytest.raises(AgentsFailed) as caught:
        bed.gate().wait()
    assert str(caught.value).splitlines() == [
        f"{DATA} is not READY after 0 s: container exited with code 3",
        f"  container {container.container_id[:12]}: exited, health healthy, exit code 3, "
        "2 restarts",
        "  last health probe: state is STARTING",
        f"  last heartbeat: READY, WARNING at 12:00:00 UTC from {DATA}-"
        + f"{container.container_id[:4]}: no broker: refused",
        "  last log lines:",
        "    connecting",
        "    refused",
        f"  try: testbed logs {DATA}",
    ]


def test_an_agent_without_a_container_is_told_as_such(bed: Bed) -> None:
    with pytest.raises(AgentsFailed) as caught:
        bed.gate().wait()
    assert str(caught.value).splitlines() == [
        f"{DATA} is not READY after 0 s: has no container",
        f"  try: testbed logs {DATA}",
    ]


def test_every_agent_that_failed_is_told(bed: Bed) -> None:
    for program in (DATA, RUNNER):
        bed.containers.exit(bed.containers.add(program).container_id, 1)
    with pytest.raises(AgentsFailed) as caught:
        bed.gate(Expected(DATA), Expected(RUNNER)).wait()
    assert str(caught.value).count("is not READY after") == 2


def test_the_history_keeps_each_change_once_with_its_time(bed: Bed) -> None:
    container = bed.containers.add(DATA)
    bed.clock.at(1, lambda: bed.monitor.heartbeat(container, operational_state="STARTING"))
    bed.clock.at(2, lambda: bed.monitor.heartbeat(container))
    gate = bed.gate()
    gate.wait()
    moments = [moment for moment, _ in gate.history]
    assert moments == pytest.approx([0, 1, 2], abs=2 * POLL_S)
    assert [line.split()[0] for _, line in gate.history] == ["waiting", "waiting", "ready"]
    assert gate.history[-1][1].split()[1:] == [
        DATA,
        container.container_id[:12],
        f"{DATA}-{container.container_id[:4]}",
    ]


def test_each_line_is_printed_once_where_there_is_no_terminal(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.beat_from(3, bed.containers.add(DATA))
    bed.gate().wait()
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == len(set(printed)) == 2
