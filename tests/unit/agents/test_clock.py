"""Advancing a simulation: in real time it takes its time, and a stop does not wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest
import simpy

from agents.programs.workflow_runner.clock import advance
from swf_common.protocol.states import EndReason

Steps = Generator[simpy.Event, None, None]


class Simulation:
    """A process of ten steps, and the moments at which it made them."""

    def __init__(self, step_s: float) -> None:
        self.env = simpy.Environment()
        self.stopping = threading.Event()
        self.moments: list[float] = []
        self.process = self.env.process(self._steps(step_s))

    def advance(self, *, realtime: bool, duration: float = 0) -> EndReason:
        return advance(
            self.env,
            self.process,
            realtime=realtime,
            duration=duration,
            stopping=self.stopping,
        )

    def _steps(self, step_s: float) -> Steps:
        for _ in range(10):
            yield self.env.timeout(step_s)
            self.moments.append(time.monotonic())


def test_as_fast_as_possible_does_not_wait() -> None:
    simulation = Simulation(1000)
    began = time.monotonic()
    assert simulation.advance(realtime=False) == EndReason.COMPLETED
    assert time.monotonic() - began < 5
    assert simulation.env.now == 10_000


def test_in_real_time_every_step_comes_at_its_moment() -> None:
    simulation = Simulation(0.01)
    began = time.monotonic()
    assert simulation.advance(realtime=True) == EndReason.COMPLETED
    for number, moment in enumerate(simulation.moments, 1):
        assert moment - began >= 0.01 * number


def test_a_stop_does_not_wait_for_the_next_step() -> None:
    simulation = Simulation(1000)
    threading.Timer(0.02, simulation.stopping.set).start()
    began = time.monotonic()
    assert simulation.advance(realtime=True) == EndReason.STOPPED
    assert time.monotonic() - began < 5
    assert simulation.moments == []


def test_the_duration_ends_a_simulation_in_real_time_too() -> None:
    simulation = Simulation(1000)
    began = time.monotonic()
    assert simulation.advance(realtime=True, duration=0.05) == EndReason.DURATION
    assert 0.05 <= time.monotonic() - began < 5


@pytest.mark.parametrize("realtime", [True, False])
def test_what_a_process_raises_is_raised(realtime: bool) -> None:
    env = simpy.Environment()

    def failing() -> Steps:
        yield env.timeout(0.01)
        raise ValueError("the beam is gone")

    with pytest.raises(ValueError, match="the beam is gone"):
        advance(
            env,
            env.process(failing()),
            realtime=realtime,
            duration=0,
            stopping=threading.Event(),
        )
