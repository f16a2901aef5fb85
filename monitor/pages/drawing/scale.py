"""Axes: where a value lies, and which round values are written beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Scale:
    """A linear axis.

    :param low: the value at `begin`
    :param high: the value at `end`
    """

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies, to a hundredth."""
        width = self.high - self.low
        part = (value - self.low) / width if width else 0.0
        return round(self.begin + part * (self.end - self.begin), 2)

    def ticks(self, about: int) -> list[tuple[float, float]]:
        """Round values on the axis, about so many, each with its place."""
        step = round_step((self.high - self.low) / max(1, about))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        values = [round(number * step, 10) for number in range(first, last + 1)]
        return [(value, self.at(value)) for value in values]


def round_step(least: float) -> float:
    """The least of 1, 2, 5, 10, 20 … (or their tenths) that is not below `least`."""
    if least <= 0 or not math.isfinite(least):
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(least))
    for step in STEPS:
        if step * power >= least * (1 - 1e-9):
            return step * power
    return 10 * power
