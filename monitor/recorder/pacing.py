"""When the next batch is stored: at once after a pause, together with others in a burst."""

from __future__ import annotations

import time
from collections.abc import Callable

BATCH_INTERVAL_S = 0.05
"""Seconds from the beginning of one batch to that of the next. Each batch costs some statements, a
commit on the disk, and a notification of everybody who follows the records. Without a pause, a
steady stream of 400 messages a second was stored in batches of seven (decision 0038)."""


class BatchPacing:
    """Keeps a time between the beginnings of two batches.

    :param interval: that time, in seconds
    """

    def __init__(
        self, interval: float = BATCH_INTERVAL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._next = clock()

    def begin(self) -> None:
        """A batch begins now."""
        self._next = self._clock() + self._interval

    @property
    def wait_s(self) -> float:
        """Seconds until the next batch may begin; 0: now."""
        return max(0.0, self._next - self._clock())
