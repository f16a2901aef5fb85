"""A set of histograms in its compact form, as a result of a slice carries it:

    {"form": "compact-1",
     "layout": [["hit_time", 32, 0.0, 665340.1, "time in the time frame [ns]"], ...],
     "index": [3, 17, ...], "values": [1, 4, ...]}

`layout` gives name, bins, lower and upper end and label of each histogram. Each has one regular
axis and counts integers. The bins of all histograms form one array, in the order of the layout;
those of a histogram go from its underflow bin to its overflow bin. `values` are the counts of the
bins at `index`, which increases strictly; all others are zero.

The long form is UHI, schema 1, a JSON object for each histogram by name
(https://uhi.readthedocs.io). Results may have either form; the monitor keeps and serves UHI.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import lt
from typing import Any, NamedTuple

FORM = "compact-1"
MOST_BINS = 100_000
"""Of a histogram in UHI form, and of a whole set in compact form."""
LARGEST_COUNT = 2**53
"""JavaScript's largest exact integer: browsers draw the counts."""
LARGEST_NUMBER = sys.float_info.max
MOST_LAYOUTS = 64
"""Layouts that are remembered as checked."""
MOST_AXES = 1_000
"""Axes of a layout that is remembered, at most: one of 33,000 axes takes 15 MB."""
LONGEST_TEXT = 200
"""Characters of a name or label in a layout that is remembered, at most."""

Histograms = dict[str, dict[str, Any]]
"""Histograms in UHI form, by name."""


class MalformedHistograms(ValueError):
    """Histograms are malformed, or differ from those of their run in name or axis."""


class Axis(NamedTuple):
    """A histogram's name and its axis: `bins` of equal width, and a flow bin beyond each end."""

    name: str
    bins: int
    lower: float
    upper: float
    label: str


@dataclass(frozen=True, eq=False)
class Layout:
    """The histograms of a set, in the order of their bins."""

    axes: tuple[Axis, ...]

    @cached_property
    def size(self) -> int:
        """How many bins there are in all, flow bins included."""
        return sum(axis.bins + 2 for axis in self.axes)

    @cached_property
    def places(self) -> dict[str, slice]:
        """The bins of each histogram in the array of all, by name."""
        found, begin = {}, 0
        for axis in self.axes:
            found[axis.name] = slice(begin, begin + axis.bins + 2)
            begin += axis.bins + 2
        return found

    def compact(self, index: list[int], values: list[int]) -> dict[str, Any]:
        """A set with this layout in compact form."""
        layout = [list(axis) for axis in self.axes]
        return {"form": FORM, "layout": layout, "index": index, "values": values}

    def to_uhi(self, counts: Sequence[int]) -> Histograms:
        """A set with this layout in UHI form, with every bin.

        :param counts: one for each bin of the set
        """
        return {
            axis.name: {
                "uhi_schema": 1,
                "axes": [_to_uhi(axis)],
                "storage": {"type": "int", "values": list(counts[self.places[axis.name]])},
                "metadata": {},
            }
            for axis in self.axes
        }


class CompactHistograms(NamedTuple):
    """A set that was read: counts `values` in `bins`, whose numbers increase strictly."""

    layout: Layout
    bins: list[int]
    values: list[int]


def is_compact(content: Mapping[str, Any]) -> bool:
    """Whether a set claims to be in compact form; `read_compact` finds out whether it is."""
    return isinstance(content.get("form"), str)


def read_compact(content: Mapping[str, Any]) -> CompactHistograms:
    """Read a set in compact form.

    :raises MalformedHistograms: it is not in that form, or breaks a rule of it
    """
    match content:
        case {"form": "compact-1", "layout": [*axes], "index": list(index), "values": list(values)}:
            layout = _layout(_hashable(axes))
        case _:
            raise MalformedHistograms(f"no histograms in the form {FORM}.")
    if len(index) != len(values):
        raise MalformedHistograms(f"{len(values)} values for {len(index)} bins.")
    if not {*map(type, index), *map(type, values)} <= {int}:
        raise MalformedHistograms("an index or a value is no integer.")
    if not all(map(lt, [-1, *index], [*index, layout.size])):
        raise MalformedHistograms(
            f"the index does not increase strictly from 0 to at most {layout.size - 1}."
        )
    if values and not 0 <= min(values) <= max(values) <= LARGEST_COUNT:
        raise MalformedHistograms("a value is no count.")
    return CompactHistograms(layout, index, values)


def is_axis(bins: Any, lower: Any, upper: Any) -> bool:
    """Whether an axis can be drawn: a number of bins between two finite ends."""
    if type(bins) is not int or not {type(lower), type(upper)} <= {int, float}:
        return False
    if not -LARGEST_NUMBER <= lower < upper <= LARGEST_NUMBER:  # an int may be no float at all
        return False
    return 1 <= bins <= MOST_BINS and 0 < upper - lower < math.inf


def _hashable(axes: list[Any]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(axis) if isinstance(axis, list | tuple) else () for axis in axes)


def _layout(axes: tuple[tuple[Any, ...], ...]) -> Layout:
    try:
        return _known_layout(axes) if _may_be_remembered(axes) else _known_layout.__wrapped__(axes)
    except TypeError:  # a part that cannot be hashed is no name, number or label
        raise MalformedHistograms(
            "the layout holds something else than names, numbers and labels."
        ) from None


def _may_be_remembered(axes: tuple[tuple[Any, ...], ...]) -> bool:
    """Whether a layout is small enough to be remembered."""
    return len(axes) <= MOST_AXES and all(
        len(part) <= LONGEST_TEXT for axis in axes for part in axis if isinstance(part, str)
    )


@lru_cache(MOST_LAYOUTS)
def _known_layout(axes: tuple[tuple[Any, ...], ...]) -> Layout:
    """The layout with these axes. The same axes give the same object, so that they are checked
    only once.
    """
    for axis in axes:
        match axis:
            case [str(), bins, lower, upper, str()] if is_axis(bins, lower, upper):
                continue
        raise MalformedHistograms(f"{axis!r:.100} is not a name, bins, lower, upper and label.")
    layout = Layout(tuple(Axis(*axis) for axis in axes))
    if len(layout.places) != len(axes):
        raise MalformedHistograms("two histograms have the same name.")
    if layout.size > MOST_BINS:
        raise MalformedHistograms(f"{layout.size} bins are more than {MOST_BINS}.")
    return layout


def _to_uhi(axis: Axis) -> dict[str, Any]:
    return {
        "type": "regular",
        "lower": float(axis.lower),
        "upper": float(axis.upper),
        "bins": axis.bins,
        "underflow": True,
        "overflow": True,
        "circular": False,
        "metadata": {"label": axis.label},
    }
