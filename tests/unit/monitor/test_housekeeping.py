"""What the recorder does beside recording: no chore stops another one for good."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError

from monitor.control.commands import NoAnswer
from monitor.recorder import housekeeping
from monitor.recorder.housekeeping import Housekeeping
from tests.waiting import eventually


class Chore:
    """Counts its calls, and may fail or take for ever."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self.error = error
        self.free = threading.Event()
        self.free.set()

    def __call__(self) -> None:
        self.calls += 1
        self.free.wait(5)
        if self.error is not None:
            raise self.error

    def wait_for_calls(self, more: int = 2) -> None:
        wanted = self.calls + more
        eventually(lambda: self.calls >= wanted, "the chore is called again", 5)


Keep = Callable[..., Housekeeping]


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keep]:
    """Starts a housekeeping with chores that are always due."""
    monkeypatch.setattr(housekeeping, "INTERVAL_S", 0.01)
    started: list[Housekeeping] = []

    def start(*chores: Chore, **options: Callable[[], None]) -> Housekeeping:
        started.append(Housekeeping("test", *((one, 0.0) for one in chores), **options))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.stop()
        assert not one.alive


@pytest.mark.parametrize("error", [NoAnswer("away"), ValueError("an odd row")])
def test_a_chore_that_fails_is_called_again_and_stops_none_of_the_others(
    keep: Keep, error: Exception
) -> None:
    failing, other, away = Chore(error), Chore(), Chore()
    keep(failing, other, database_unavailable=away)
    failing.wait_for_calls()
    other.wait_for_calls()
    assert away.calls == 0


def test_without_a_database_nobody_is_judged_by_silence(keep: Keep) -> None:
    failing, away = Chore(OperationalError("the server closed the connection")), Chore()
    keep(failing, database_unavailable=away)
    eventually(lambda: away.calls, "the sweep is suspended", 5)
    failing.error = None
    failing.wait_for_calls()


def test_each_chore_keeps_its_own_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "INTERVAL_S", 0.01)
    often, seldom = Chore(), Chore()
    keeping = Housekeeping("test", (often, 0.0), (seldom, 3600.0))
    keeping.start()
    often.wait_for_calls(5)
    keeping.stop()
    assert seldom.calls == 1


def test_a_stop_does_not_wait_for_a_chore_for_ever(
    keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "STOP_TIMEOUT_S", 0.01)
    chore = Chore()
    keeping = keep(chore)
    chore.free.clear()
    chore.wait_for_calls(1)
    keeping.stop()
    assert keeping.alive
    chore.free.set()
    eventually(lambda: not keeping.alive, "the thread ends after its chore", 5)


def test_a_housekeeping_that_never_started_can_be_stopped() -> None:
    Housekeeping("test", (Chore(), 0.0)).stop()
