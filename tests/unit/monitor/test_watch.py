"""The recorder's thread that looks now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError

from monitor.control.commands import NoAnswer
from monitor.recorder import watch
from monitor.recorder.watch import Watch
from tests.unit.stomp_server import PATIENCE_S


class Look:
    """A look that fails the first time, if asked to, and counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self._error = error
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.calls += 1
            self._changed.notify_all()
        if self._error is not None and self.calls == 1:
            raise self._error

    def wait(self, calls: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.calls >= calls, PATIENCE_S)


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watch]]:
    monkeypatch.setattr(watch, "LOOK_S", 0.01)
    started: list[Watch] = []

    def start(*looks: tuple[Look, float]) -> Watch:
        started.append(Watch(*looks))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.mark.parametrize(
    "error", [OperationalError("away"), NoAnswer("away"), ValueError("one odd row")]
)
def test_a_look_that_fails_is_tried_again_and_stops_no_other(
    watching: Callable[..., Watch], error: Exception
) -> None:
    failing, other = Look(error), Look()
    watching((failing, 0.0), (other, 0.0))
    failing.wait(2)
    other.wait(2)


def test_each_look_keeps_its_own_pace(watching: Callable[..., Watch]) -> None:
    often, seldom = Look(), Look()
    watching((often, 0.0), (seldom, 3600.0))
    often.wait(5)
    assert seldom.calls == 1


def test_a_watch_that_never_started_can_be_stopped() -> None:
    Watch((Look(), 0.0)).stop()
