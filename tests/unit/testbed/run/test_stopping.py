"""Stopping a run: gracefully, with a limit, and whatever the monitor says to it."""

from __future__ import annotations

import pytest

from swf_common.errors import ExitCode
from swf_common.protocol.states import ExecutionStatus
from testbed.monitor_client.errors import MonitorRefused, MonitorUnavailable
from testbed.run.polling import POLL_S
from testbed.run.stopping import STOP_TIMEOUT_S, StillRunning, stop_execution
from tests.unit.testbed.following import EXECUTION, STF, Bed


@pytest.fixture
def bed() -> Bed:
    return Bed()


def test_a_stop_ends_the_workflow_and_waits_until_it_has_drained(bed: Bed) -> None:
    bed.monitor.change(EXECUTION, total_stf_files=5, stf={**STF, "registered": 4})
    bed.change_at(7, stf=STF)
    progress, undrained = bed.run.stop()
    assert (progress.status, undrained) == (ExecutionStatus.TERMINATED, [])
    assert bed.clock() == pytest.approx(7, abs=2 * POLL_S)


def test_a_stop_does_not_wait_for_ever(bed: Bed) -> None:
    bed.monitor.change(EXECUTION, total_stf_files=5, stf={**STF, "registered": 4})
    _, undrained = bed.run.stop()
    assert undrained == ["1 STFs are not registered"]
    assert bed.clock() == pytest.approx(STOP_TIMEOUT_S, abs=2 * POLL_S)


def test_a_stop_that_comes_too_late_tells_how_it_ended(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.end_at(0)
    bed.clock.sleep(1)
    progress, undrained = bed.run.stop()
    assert (progress.status, undrained) == (ExecutionStatus.COMPLETED, [])
    assert capsys.readouterr().err == ""
    assert bed.clock() == 1


def test_a_stop_without_a_monitor_gives_up_in_the_end(bed: Bed) -> None:
    bed.monitor.away = True
    with pytest.raises(MonitorUnavailable):
        bed.run.stop()
    assert bed.clock() == pytest.approx(STOP_TIMEOUT_S, abs=2 * POLL_S)


def test_stopping_an_execution_tells_its_last_status(bed: Bed) -> None:
    status = stop_execution(bed.monitor, EXECUTION, bed.clock, bed.clock.sleep)
    assert status == "terminated"


def test_stopping_an_execution_waits_for_its_end(bed: Bed) -> None:
    bed.monitor.stopping_s = 7
    status = stop_execution(bed.monitor, EXECUTION, bed.clock, bed.clock.sleep)
    assert status == "terminated"
    assert bed.clock() == pytest.approx(7, abs=2 * POLL_S)


def test_an_execution_that_does_not_stop_in_time_is_no_success(bed: Bed) -> None:
    bed.clock.sleep(100)
    bed.monitor.stopping_s = 1000
    with pytest.raises(StillRunning, match="still running after 30 s") as caught:
        stop_execution(bed.monitor, EXECUTION, bed.clock, bed.clock.sleep)
    assert caught.value.exit_code == ExitCode.WORKFLOW_FAILED
    assert bed.clock() == pytest.approx(100 + STOP_TIMEOUT_S, abs=2 * POLL_S)


def test_stopping_an_execution_that_has_ended_meanwhile_gives_its_status(bed: Bed) -> None:
    bed.end_at(0)
    bed.clock.sleep(1)
    status = stop_execution(bed.monitor, EXECUTION, bed.clock, bed.clock.sleep)
    assert status == "completed"


def test_stopping_an_unknown_execution_is_refused(bed: Bed) -> None:
    with pytest.raises(MonitorRefused, match="404"):
        stop_execution(bed.monitor, "unknown", bed.clock, bed.clock.sleep)


def test_a_run_that_is_given_up_is_stopped_and_tells_why(bed: Bed) -> None:
    bed.end_at(0, stf={**STF, "registered": 4}, status=ExecutionStatus.RUNNING)
    bed.clock.sleep(1)
    progress, undrained = bed.run.give_up("an agent keeps dying")
    assert progress.status == ExecutionStatus.TERMINATED
    assert undrained == ["an agent keeps dying", "1 STFs are not registered"]


def test_a_run_that_is_given_up_without_a_monitor_tells_what_was_last_seen(bed: Bed) -> None:
    bed.end_at(5)
    bed.run.follow()
    bed.monitor.away = True
    progress, undrained = bed.run.give_up("the monitor is away")
    assert progress.status == ExecutionStatus.COMPLETED
    assert undrained == ["the monitor is away"]
