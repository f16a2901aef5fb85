"""When the recorder stores its next batch."""

from __future__ import annotations

import pytest

from monitor.recorder.pacing import BatchPacing


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_batch_does_not_wait() -> None:
    assert BatchPacing(0.05, Clock()).wait_s == 0


def test_a_batch_waits_for_the_rest_of_the_interval_since_the_last_one_began() -> None:
    clock = Clock()
    pacing = BatchPacing(0.05, clock)
    pacing.begin()
    clock.now += 0.02
    assert pacing.wait_s == pytest.approx(0.03)


def test_a_batch_that_took_longer_than_the_interval_is_followed_at_once() -> None:
    clock = Clock()
    pacing = BatchPacing(0.05, clock)
    pacing.begin()
    clock.now += 0.2
    assert pacing.wait_s == 0
