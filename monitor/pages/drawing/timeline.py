"""A timeline: lanes below each other over one axis of time. Few things are drawn one by one, many
as bars of counts, so that it reads as well for ten STFs as for a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from monitor.pages.cells import in_seconds
from monitor.pages.drawing.bars import Bar, bars
from monitor.pages.drawing.scale import Scale

WIDTH, LEFT, RIGHT = 1100, 190, 1085
TOP, LANE = 26, 28
BAND = 18
"""Height of what is drawn in a lane."""
BINS = 180
MOST_MARKS = 180
"""Marks of a lane; where there are more, bars show how many."""
MOST_SEGMENTS = 200
MARK_WIDTH = 2.5
LETTER = 7.4
"""Width of a letter, about: a label that does not fit into its segment is left out."""


@dataclass(frozen=True)
class Segment:
    """A state from `begin` to `end`, in seconds after the start of the execution."""

    begin: float
    end: float
    name: str
    tone: str = "plain"


@dataclass(frozen=True)
class Lane:
    """What a lane shows: segments, marks (seconds, name), or counts in bins of equal width."""

    label: str
    href: str | None = None
    segments: Sequence[Segment] = ()
    marks: Sequence[tuple[float, str]] = ()
    counts: Sequence[int] = ()
    tone: str = "busy"

    @property
    def total(self) -> int | None:
        """How many things it shows; None for states."""
        return sum(self.counts) or len(self.marks) or None


@dataclass(frozen=True)
class Rectangle:
    """A shape with what a pointer over it shows, and a label inside it if that fits."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str
    inside: str = ""


@dataclass(frozen=True)
class DrawnLane:
    """A lane as shapes; `text_y` is the base line of its label."""

    label: str
    href: str | None
    total: int | None
    y: float
    text_y: float
    rectangles: list[Rectangle] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    tone: str = "busy"


@dataclass(frozen=True)
class Timeline:
    """The whole drawing, `begin` to `end` in seconds after the start of the execution."""

    begin: float
    end: float
    lanes: list[DrawnLane]
    ticks: list[tuple[str, float]]
    width: int = WIDTH
    left: int = LEFT
    right: int = RIGHT
    band: int = BAND

    @property
    def across(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return TOP + LANE * len(self.lanes) + 8


def draw(lanes: Sequence[Lane], begin: float, end: float) -> Timeline:
    """Draw lanes from `begin` to `end` seconds after the start."""
    end = max(end, begin + 1e-3)
    scale = Scale(begin, end, LEFT, RIGHT)
    ticks = [(f"{value:.10g} s", place) for value, place in scale.ticks(8)]
    return Timeline(begin, end, [_draw(n, lane, scale) for n, lane in enumerate(lanes)], ticks)


def _draw(number: int, lane: Lane, scale: Scale) -> DrawnLane:
    y = TOP + LANE * number
    drawn = DrawnLane(lane.label, lane.href, lane.total, y, y + 13, tone=lane.tone)
    if lane.counts:
        drawn.bars.extend(bars(lane.counts, LEFT, RIGHT - LEFT, bottom=y + BAND, height=BAND))
    elif len(lane.segments) > MOST_SEGMENTS:
        drawn.bars.extend(_shares(lane.segments, scale, y + BAND))
    else:
        drawn.rectangles.extend(
            found for one in lane.segments if (found := _segment(one, scale, y)) is not None
        )
        drawn.rectangles.extend(
            Rectangle(scale.at(moment), y, MARK_WIDTH, BAND, lane.tone, f"{name} at {moment:.3f} s")
            for moment, name in lane.marks
            if scale.low <= moment <= scale.high
        )
    return drawn


def _segment(segment: Segment, scale: Scale, y: float) -> Rectangle | None:
    """The part of a segment that lies in the drawing; None when there is none."""
    begin, end = max(segment.begin, scale.low), min(segment.end, scale.high)
    if end <= begin:
        return None
    x = scale.at(begin)
    width = max(1.0, round(scale.at(end) - x, 2))
    fits = len(segment.name) * LETTER + 8 < width
    title = f"{segment.name}: {in_seconds(segment.end - segment.begin)}"
    return Rectangle(x, y, width, BAND, segment.tone, title, inside=segment.name if fits else "")


def _shares(segments: Sequence[Segment], scale: Scale, bottom: float) -> list[Bar]:
    """The share of time that an agent was at work, bin by bin: it changed too often for more."""
    width = (scale.high - scale.low) / BINS
    shares = [0.0] * BINS
    for segment in segments:
        if segment.tone != "busy":
            continue
        begin, end = max(segment.begin, scale.low), min(segment.end, scale.high)
        while begin < end:
            number = min(BINS - 1, int((begin - scale.low) / width))
            until = min(end, scale.low + (number + 1) * width)
            shares[number] += max(until - begin, width * 1e-6)
            begin = until if until > begin else end
    return [
        Bar(bar.x, bar.y, bar.width, bar.height, round(bar.count / width, 3))
        for bar in bars(shares, LEFT, RIGHT - LEFT, bottom, BAND, most=width)
    ]
