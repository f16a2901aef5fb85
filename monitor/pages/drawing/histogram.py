"""A histogram with one axis as an outline, and a second one over it for comparison.

What is drawn is UHI, schema 1, with every bin (https://uhi.readthedocs.io), as the monitor keeps
the histograms of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitor.pages.drawing.scale import Scale

WIDTH, HEIGHT = 480, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 455, 12, 205
HEADROOM = 1.08
MOST_DRAWN = 500
"""Bins that are drawn one by one; of more, neighbours are drawn together."""


@dataclass(frozen=True)
class Drawing:
    """The shapes of one histogram.

    :param areas: the filled outline of each run, `points` of an SVG polygon
    :param x_ticks: labels below the axis, each with its place; `y_ticks` those beside it
    :param beside: entries below and above the axis, of the first run
    """

    name: str
    label: str
    areas: list[str]
    x_ticks: list[tuple[str, float]]
    y_ticks: list[tuple[str, float]]
    entries: int
    mean: float | None
    beside: tuple[int, int] = (0, 0)
    width: int = WIDTH
    height: int = HEIGHT
    frame: tuple[int, int, int, int] = field(default=(LEFT, TOP, RIGHT, BOTTOM))

    @property
    def mean_text(self) -> str:
        """The mean with four digits, or whole when it has more."""
        if self.mean is None:
            return ""
        return f"{self.mean:,.0f}" if abs(self.mean) >= 1000 else f"{self.mean:.4g}"


def draw(
    name: str, histogram: Mapping[str, Any], other: Mapping[str, Any] | None, scale: float
) -> Drawing:
    """A histogram, and over it another one of the same axis.

    :param scale: what the other one's counts are multiplied by, so that the two can be compared
    """
    axis = histogram["axes"][0]
    low, high, bins = float(axis["lower"]), float(axis["upper"]), int(axis["bins"])
    under, counts, over = _parts(axis, histogram["storage"]["values"])
    together = -(-bins // MOST_DRAWN)
    shown = [_merged(counts, together)]
    if other is not None and other["axes"] == histogram["axes"]:
        theirs = _parts(axis, other["storage"]["values"])[1]
        shown.append([scale * count for count in _merged(theirs, together)])
    x = Scale(low, high, LEFT, RIGHT)
    y = Scale(0, max(map(max, shown), default=0) * HEADROOM or 1.0, BOTTOM, TOP)
    bin_width = (high - low) / bins
    edges = [low + bin_width * min(bins, n * together) for n in range(len(shown[0]) + 1)]
    middles = [low + bin_width * (number + 0.5) for number in range(bins)]
    total = sum(counts)
    mean = sum(a * b for a, b in zip(middles, counts, strict=True)) / total if total else None
    return Drawing(
        name=name,
        label=str((axis.get("metadata") or {}).get("label") or name),
        areas=[_outline(x, y, edges, heights) for heights in shown],
        x_ticks=[(short(value), place) for value, place in x.ticks(5)],
        y_ticks=[(short(value), place) for value, place in y.ticks(4)],
        entries=total,
        mean=mean,
        beside=(under, over),
    )


def _parts(axis: Mapping[str, Any], values: Sequence[int]) -> tuple[int, Sequence[int], int]:
    """The entries below the axis, in each bin, and above it."""
    under = values[0] if axis["underflow"] else 0
    over = values[-1] if axis["overflow"] else 0
    begin = 1 if axis["underflow"] else 0
    return under, values[begin : begin + int(axis["bins"])], over


def _merged(counts: Sequence[int], together: int) -> list[float]:
    """Neighbouring bins added up, so many at a time."""
    return [
        float(sum(counts[begin : begin + together])) for begin in range(0, len(counts), together)
    ]


def _outline(x: Scale, y: Scale, edges: Sequence[float], heights: Sequence[float]) -> str:
    points = [(x.at(edges[0]), y.begin)]
    for number, height in enumerate(heights):
        points += [(x.at(edges[number]), y.at(height)), (x.at(edges[number + 1]), y.at(height))]
    points.append((x.at(edges[-1]), y.begin))
    return " ".join(f"{across:g},{up:g}" for across, up in points)


def short(value: float) -> str:
    """A number for an axis: thousands as k, millions as M."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"
