"""How many messages an agent takes ahead of the one in hand, by the time that one takes.

What a worker holds no other worker can take. So work of seconds is taken one by one, wherever a
worker is free. Work of milliseconds is taken in batches: else each would wait for the broker to
hand it over, and for its disk.
"""

from __future__ import annotations

HOLD_S = 0.25
"""Seconds of work that one worker may hold."""
MOST_AHEAD = 40
LEAST_AHEAD = 2
NEW_SHARE = 0.3
"""What the last measurement counts for, beside all earlier ones."""


class TakeAhead:
    """Follows the measured time of a message.

    The number changes by a factor of two or not at all: what is given back comes again, to
    whichever worker is free.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean_s: float | None = None

    def measured(self, messages: int, seconds: float) -> None:
        """So many messages have taken so long together."""
        each = seconds / messages
        if self._mean_s is None:
            self._mean_s = each
        self._mean_s += NEW_SHARE * (each - self._mean_s)
        self._decide()

    def expect(self, seconds: float) -> None:
        """Messages that come soon take so long each, if not longer."""
        self._mean_s = max(seconds, self._mean_s or 0.0)
        self._decide()

    def _decide(self) -> None:
        mean_s = self._mean_s or HOLD_S
        wanted = min(MOST_AHEAD, int(HOLD_S / mean_s) - 1)
        if wanted < LEAST_AHEAD:
            self.count = 0
        elif not wanted / 2 < self.count < wanted * 2:
            self.count = wanted
