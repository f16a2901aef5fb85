"""How many messages an agent takes ahead of the one in hand, from the time that a message takes.

No other worker gets a message that a worker holds. So work that takes seconds is taken one by one,
by the worker that is free. Work that takes milliseconds is taken in batches: one by one, each
message would wait for the broker's delivery and for its disk.
"""

from __future__ import annotations

HOLD_S = 0.25
"""Seconds of work that one worker may hold."""
MOST_AHEAD = 40
"""Messages."""
LEAST_AHEAD = 2
"""Messages; where fewer would do, none is taken ahead."""
NEWEST_WEIGHT = 0.3
"""Weight of the newest measurement in the running mean."""


class TakeAhead:
    """Follows the measured time of a message.

    The number changes only by a factor of two or more: with each change the broker takes back what
    is not begun, and delivers it again to a worker that is free.

    :ivar count: messages to take ahead at present; 0: none
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean_s: float | None = None

    def measured(self, messages: int, seconds: float) -> None:
        """So many messages have taken so many seconds together."""
        each = seconds / messages
        if self._mean_s is None:
            self._mean_s = each
        self._mean_s += NEWEST_WEIGHT * (each - self._mean_s)
        self._decide()

    def expect(self, seconds: float) -> None:
        """The next messages are announced to take at least so many seconds each."""
        self._mean_s = max(seconds, self._mean_s or 0.0)
        self._decide()

    def _decide(self) -> None:
        mean_s = self._mean_s or HOLD_S
        wanted = min(MOST_AHEAD, int(HOLD_S / mean_s) - 1)
        if wanted < LEAST_AHEAD:
            self.count = 0
        elif not wanted / 2 < self.count < wanted * 2:
            self.count = wanted
