"""What the recorder does beside recording: no step stops another one for good."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError

from monitor.recorder import housekeeping
from monitor.recorder.housekeeping import Housekeeping
from tests.waiting import eventually


class Step:
    """Counts its calls, and may fail or take for ever."""

    def __init__(self) -> None:
        self.calls = 0
        self.suspended = 0
        self.error: Exception | None = None
        self.free = threading.Event()
        self.free.set()

    def run(self) -> None:
        self.calls += 1
        self.free.wait(5)
        if self.error is not None:
            raise self.error

    look = run

    def suspend(self) -> None:
        self.suspended += 1


class House:
    """A housekeeping at work, and its steps."""

    def __init__(self) -> None:
        self.look, self.sweep, self.retention = Step(), Step(), Step()
        self.keeping = Housekeeping(self.look, self.sweep, self.retention)

    def wait_for_calls(self, step: Step, more: int = 2) -> None:
        wanted = step.calls + more
        eventually(lambda: step.calls >= wanted, "the step is called again", 5)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(housekeeping, "EVERY_S", 0.01)
    house = House()
    house.keeping.start()
    yield house
    for step in (house.look, house.sweep, house.retention):
        step.free.set()
    house.keeping.stop()
    assert not house.keeping.alive


def test_every_step_is_called_again_and_again(house: House) -> None:
    for step in (house.look, house.sweep, house.retention):
        house.wait_for_calls(step)


def test_a_step_that_fails_stops_none_of_the_others(house: House) -> None:
    house.look.error = house.sweep.error = ValueError("an odd row")
    house.wait_for_calls(house.retention)
    assert house.keeping.alive
    assert house.sweep.suspended == 0


def test_without_a_database_nobody_is_judged_by_silence(house: House) -> None:
    house.retention.error = OperationalError("the server closed the connection")
    eventually(lambda: house.sweep.suspended, "the sweep is suspended", 5)
    house.retention.error = None
    house.wait_for_calls(house.retention)


def test_who_stops_does_not_wait_for_a_step_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "STOP_S", 0.01)
    house.look.free.clear()
    house.wait_for_calls(house.look, 1)
    house.keeping.stop()
    assert house.keeping.alive
    house.look.free.set()
    eventually(lambda: not house.keeping.alive, "the thread ends after its step", 5)
