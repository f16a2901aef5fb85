"""A clock that moves only when code under test sleeps."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""The moment at which a `FakeClock` starts."""


class FakeClock:
    """A clock that moves only when code under test sleeps.

    Called, it gives seconds as `time.monotonic` does; `now` is the same moment as a UTC time.

    :param limit_s: seconds after which sleeping fails, so that no test waits for ever
    """

    def __init__(self, limit_s: float = 3600.0) -> None:
        self._seconds = 0.0
        self._limit_s = limit_s
        self._order = itertools.count()
        self._plans: list[tuple[float, int, Callable[[], object]]] = []

    def __call__(self) -> float:
        return self._seconds

    @property
    def now(self) -> datetime:
        """The moment as a UTC time."""
        return EPOCH + timedelta(seconds=self._seconds)

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Plan something for the moment `seconds` after the start."""
        heapq.heappush(self._plans, (seconds, next(self._order), action))

    def sleep(self, seconds: float) -> None:
        """Let time pass; what is planned for it happens on the way, at its moment.

        :raises AssertionError: time has passed beyond `limit_s`
        """
        end = self._seconds + seconds
        while self._plans and self._plans[0][0] <= end:
            due, _, action = heapq.heappop(self._plans)
            self._seconds = max(self._seconds, due)
            action()
        self._seconds = end
        if end > self._limit_s:
            raise AssertionError(f"somebody still waits after {end:.0f} s")
