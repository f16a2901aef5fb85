"""The recorder's sweep notices that it was itself asleep."""

from __future__ import annotations

import pytest

from monitor.recorder.reaper import LATE_S, SleepAlarm


class Clocks:
    """A wall clock and a monotonic clock that move when told to."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.monotonic = 50.0
        self.alarm = SleepAlarm(lambda: self.wall, lambda: self.monotonic)

    def pass_by(self, *, wall_s: float, monotonic_s: float) -> float:
        self.wall += wall_s
        self.monotonic += monotonic_s
        return self.alarm.slept_s()


@pytest.mark.parametrize(
    ("wall_s", "monotonic_s", "asleep"),
    [
        (1.0, 1.0, False),
        (25.0, 25.0, True),  # docker pause
        (3600.0, 1.0, True),  # a suspended host stops the monotonic clock
        (-3600.0, 1.0, False),  # somebody set the clock back
    ],
)
def test_a_pass_that_comes_late_by_either_clock_shows_a_sleep(
    wall_s: float, monotonic_s: float, asleep: bool
) -> None:
    clocks = Clocks()
    assert clocks.pass_by(wall_s=1.0, monotonic_s=1.0) <= LATE_S
    assert (clocks.pass_by(wall_s=wall_s, monotonic_s=monotonic_s) > LATE_S) == asleep
    assert clocks.pass_by(wall_s=1.0, monotonic_s=1.0) <= LATE_S
