"""From the run command to the report: interrupts and failures end in a true report."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from swf_common.errors import ExitCode
from swf_common.protocol.states import ExecutionStatus
from testbed.run import execution
from testbed.run.execution import LEFT, Ending
from tests.unit.testbed.following import EXECUTION, STF, Bed


@pytest.fixture
def bed() -> Bed:
    return Bed()


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_while_the_workflow_is_being_started_stops_it(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is waited for, since without it nobody could stop the workflow."""

    def start(_command: dict[str, Any]) -> str:
        signal.raise_signal(signal.SIGINT)
        return EXECUTION

    monkeypatch.setattr(bed.monitor, "start_workflow", start)
    handler = signal.getsignal(signal.SIGINT)
    assert execution._start(bed.monitor, {}) == (EXECUTION, True)
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_interrupted_run_is_stopped_and_ends_as_interrupted(bed: Bed) -> None:
    bed.monitor.change(EXECUTION, total_stf_files=5, stf=STF)
    bed.clock.at(3, interrupt)
    ending = execution._follow(bed.run)
    assert (ending.progress.status, ending.undrained) == (ExecutionStatus.TERMINATED, [])
    assert ending.ended_by == ExitCode.INTERRUPTED


def test_a_second_interrupt_leaves_the_workflow_and_still_gives_a_report(bed: Bed) -> None:
    bed.monitor.stopping_s = 1000
    bed.clock.at(3, interrupt)
    bed.clock.at(5, interrupt)
    ending = execution._follow(bed.run)
    assert (ending.undrained, ending.ended_by) == ([LEFT], ExitCode.INTERRUPTED)


def test_an_engine_that_stays_away_ends_in_a_report_with_its_exit_code(bed: Bed) -> None:
    bed.engine_away_between(5, float("inf"))
    ending: Ending = execution._follow(bed.run)
    assert ending.ended_by == ExitCode.BACKEND
    assert "No Docker engine answers" in ending.undrained[0]


def test_a_failure_before_anything_was_seen_still_gives_a_report(bed: Bed) -> None:
    bed.monitor.away = True
    ending = execution._follow(bed.run)
    assert (ending.ended_by, ending.progress.status) == (ExitCode.BACKEND, "running")
    assert ending.progress.execution_id == EXECUTION


def test_an_interrupt_before_anything_was_seen_still_stops_the_workflow(bed: Bed) -> None:
    bed.away_between(0, 10)
    bed.clock.at(3, interrupt)
    ending = execution._follow(bed.run)
    assert (ending.ended_by, ending.progress.status) == (ExitCode.INTERRUPTED, "terminated")


def test_an_interrupt_while_the_workflow_is_given_up_still_gives_a_report(bed: Bed) -> None:
    bed.engine_away_between(5, float("inf"))
    bed.clock.at(140, interrupt)
    ending = execution._follow(bed.run)
    assert ending.ended_by == ExitCode.BACKEND
    assert ending.undrained[-1] == LEFT
