"""When an execution that has ended is measured: with its last slice, and now and then before."""

from __future__ import annotations

import time
from collections.abc import Callable

MEASURE_EVERY_S = 5.0
"""Measuring looks at every slice of a run: after each few results it would slow the run down."""
PAUSE_FACTOR = 20
"""Measuring takes long in a long run. The pause after it is at least so many times longer."""


class MeasuringPace:
    """Counts down the slices without a result, from one measurement to the next.

    What is not known, after a start of the agent say, is due. Slices that are new since the last
    measurement do not count: a sample that comes twice would count twice, and the last result not
    be known for it. That more slices wait than are counted, as when a result counts twice, only
    makes a measurement come early.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def ended(self, execution_id: str, slices: int) -> None:
        """So many slices have come to their end."""
        if execution_id in self._waiting:
            self._waiting[execution_id] -= slices

    def is_due(self, execution_id: str) -> bool:
        """Whether the execution is to be measured now."""
        if self._waiting.get(execution_id, 0) <= 0:
            return True
        return self._clock() >= self._due[execution_id]

    def measured(self, execution_id: str, waiting: int, took_s: float) -> None:
        """The execution was measured just now.

        :param waiting: slices that have no result yet
        :param took_s: seconds that measuring took
        """
        self._waiting[execution_id] = waiting
        self._due[execution_id] = self._clock() + max(MEASURE_EVERY_S, PAUSE_FACTOR * took_s)
