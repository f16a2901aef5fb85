"""When an execution that has ended is measured."""

from __future__ import annotations

from agents.programs.example_fast_processing_agent.pace import (
    MEASURE_EVERY_S,
    PAUSE_FACTOR,
    MeasuringPace,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_execution_that_nobody_has_measured_is_due() -> None:
    assert MeasuringPace().is_due("x")


def test_it_is_due_with_the_result_of_its_last_slice() -> None:
    pace = MeasuringPace(Clock())
    pace.measured("x", 3, took_s=0.1)
    pace.ended("x", 2)
    assert not pace.is_due("x")
    pace.ended("x", 1)
    assert pace.is_due("x")


def test_it_is_due_now_and_then_while_results_come() -> None:
    clock = Clock()
    pace = MeasuringPace(clock)
    pace.measured("x", 1000, took_s=0.1)
    clock.now = MEASURE_EVERY_S - 0.1
    assert not pace.is_due("x")
    clock.now = MEASURE_EVERY_S
    assert pace.is_due("x")


def test_one_that_takes_long_to_measure_is_measured_less_often() -> None:
    clock = Clock()
    pace = MeasuringPace(clock)
    pace.measured("x", 1000, took_s=1.0)
    clock.now = PAUSE_FACTOR - 0.1
    assert not pace.is_due("x")
    clock.now = PAUSE_FACTOR
    assert pace.is_due("x")


def test_executions_are_apart() -> None:
    pace = MeasuringPace(Clock())
    pace.measured("x", 1, took_s=0.1)
    pace.measured("y", 1, took_s=0.1)
    pace.ended("x", 1)
    assert pace.is_due("x")
    assert not pace.is_due("y")
