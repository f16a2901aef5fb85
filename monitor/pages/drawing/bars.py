"""Counts over time as a row of bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One bar of a row."""

    x: float
    y: float
    width: float
    height: float
    count: float


def bars(
    counts: Sequence[float],
    x: float,
    width: float,
    bottom: float,
    height: float,
    most: float | None = None,
) -> list[Bar]:
    """Bars of equal width beside each other; empty ones are left out.

    :param x: where the first one begins; all of them are `width` wide
    :param bottom: where they stand
    :param most: what has the full height; default: the largest count
    """
    most = max(counts, default=0) if most is None else most
    if not most:
        return []
    each = width / len(counts)
    found = []
    for number, count in enumerate(counts):
        if count:
            tall = max(1.0, height * count / most)
            found.append(
                Bar(
                    round(x + number * each, 2),
                    round(bottom - tall, 2),
                    round(max(0.6, each * 0.9), 2),
                    round(tall, 2),
                    count,
                )
            )
    return found
