"""Adding histograms that arrive in compact or in UHI form: bins are integers, so sums are exact in
any order.

A histogram here has one axis and counts integers (https://uhi.readthedocs.io, schema 1). What
arrives may be sparse or compact (`swf_common.histograms`); what is kept is in UHI form and
names every bin, flow bins included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from swf_common.histograms import (
    LARGEST_COUNT,
    Histograms,
    Layout,
    MalformedHistograms,
    is_axis,
    is_compact,
    read_compact,
)

__all__ = ["Histograms", "MalformedHistograms", "add", "add_all", "dense"]

NO_LAYOUT = Layout(())


def add_all(total: Histograms, parts: Iterable[Mapping[str, Any]]) -> Histograms:
    """The sum of a set that is kept, which may be empty, and of sets as they arrived. Parts in
    compact form with the same layout that follow each other are summed first: they name only the
    bins that are not empty.

    :return: in the form in which it is kept; the arguments stay as they are
    :raises MalformedHistograms: a part is in neither form, or has other names or axes
    """
    layout, counts = NO_LAYOUT, [0] * NO_LAYOUT.size
    for part in parts:
        if not is_compact(part):
            total = add(total, dense(part))
            continue
        present, bins, values = read_compact(part)
        if present is not layout:  # sums of many layouts at a time might not fit into memory
            total = _with(total, layout, counts)
            layout, counts = present, [0] * present.size
        for place, value in zip(bins, values, strict=True):
            counts[place] += value
    return _with(total, layout, counts)


def _with(total: Histograms, layout: Layout, counts: list[int]) -> Histograms:
    return total if layout is NO_LAYOUT else add(total, layout.to_uhi(counts))


def dense(content: Mapping[str, Any]) -> Histograms:
    """Histograms by name, as they are kept.

    :raises MalformedHistograms: in neither form, more than one axis, or no counts
    """
    if is_compact(content):
        return add_all({}, [content])
    return {name: _dense(name, histogram) for name, histogram in content.items()}


def add(total: Histograms, part: Histograms) -> Histograms:
    """The sum of two sets that `dense` gave; the first may be empty.

    :raises MalformedHistograms: their names or axes differ
    """
    if not total:
        return part
    if total.keys() != part.keys():
        differing = ", ".join(sorted(total.keys() ^ part.keys()))
        raise MalformedHistograms(f"The run has other histograms; these differ: {differing}.")
    return {name: _add(name, total[name], part[name]) for name in total}


def _add(name: str, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    if one["axes"] != other["axes"]:
        raise MalformedHistograms(f"{name}: the run's histogram has another axis.")
    pairs = zip(one["storage"]["values"], other["storage"]["values"], strict=True)
    return {**one, "storage": {"type": "int", "values": [a + b for a, b in pairs]}}


def _dense(name: str, histogram: Any) -> dict[str, Any]:
    match histogram:
        case {
            "uhi_schema": 1,
            "axes": [
                {
                    "type": "regular",
                    "bins": int(bins),
                    "lower": lower,
                    "upper": upper,
                    "underflow": bool(under),
                    "overflow": bool(over),
                } as axis
            ],
            "storage": {"type": "int", "values": list(values), **further},
        } if is_axis(bins, lower, upper) and isinstance(axis.get("metadata", {}), dict):
            counts = _counts(name, values, further.get("index"), bins + under + over)
        case _:
            raise MalformedHistograms(
                f"{name}: no histogram of integers over one regular axis in UHI form."
            )
    return {
        "uhi_schema": 1,
        "axes": [axis],
        "storage": {"type": "int", "values": counts},
        "metadata": histogram.get("metadata") or {},
    }


def _counts(name: str, values: list[Any], index: Any, size: int) -> list[int]:
    if not all(_is_count(value, LARGEST_COUNT) for value in values):
        raise MalformedHistograms(f"{name}: a value is no count.")
    if index is None:
        if len(values) != size:
            raise MalformedHistograms(f"{name}: {len(values)} values for {size} bins.")
        return values
    match index:
        case [[*places]] if all(_is_count(place, size - 1) for place in places) and len(
            set(places)
        ) == len(places) == len(values):
            counts = [0] * size
            for place, value in zip(places, values, strict=True):
                counts[place] = value
            return counts
    raise MalformedHistograms(f"{name}: the index does not name a bin for each value.")


def _is_count(value: Any, largest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest
