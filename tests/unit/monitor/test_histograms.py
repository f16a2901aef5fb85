"""Adding histograms in either form: the same bins as the library that made them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agents.data.clustering import find_clusters
from agents.data.histograms import HistogramSet
from agents.data.time_frames import TimeFrames
from monitor.records.histograms import Histograms, MalformedHistograms, add, add_all, dense
from swf_common.configuration.groups import Clustering, Hits
from tests.unit.data.frames import stf

FRAMES = stf(12)


def made_of(frames: TimeFrames) -> HistogramSet:
    settings = Hits()
    made = HistogramSet.empty(settings)
    made.fill(settings, frames, find_clusters(frames, Clustering()))
    return made


def sent(frames: TimeFrames) -> dict[str, Any]:
    """Histograms as they arrive."""
    content: dict[str, Any] = json.loads(json.dumps(made_of(frames).to_uhi()))
    return content


def test_the_sums_over_slices_are_the_histograms_of_the_whole_in_any_order() -> None:
    slices = [sent(FRAMES.select(first, first + 1)) for first in range(0, 12, 2)]
    forward, backward = {}, {}  # type: ignore[var-annotated]
    for content in slices:
        forward = add(forward, dense(content))
    for content in reversed(slices):
        backward = add(backward, dense(content))
    assert forward == backward == dense(sent(FRAMES))
    assert HistogramSet.from_uhi(forward).to_uhi() == made_of(FRAMES).to_uhi()


SLICES = [FRAMES.select(first, first + 1) for first in range(0, 12, 2)]
BOTH_FORMS = [
    json.loads(json.dumps([made.to_uhi(), made.to_compact()])) for made in map(made_of, SLICES)
]


@given(st.data())
@examples(max_examples=30)
def test_parts_in_either_form_add_up_to_the_same_in_any_order(data: st.DataObject) -> None:
    order = data.draw(st.permutations([data.draw(st.sampled_from(both)) for both in BOTH_FORMS]))
    cut = data.draw(st.integers(0, len(order)))
    total = add_all({}, order[:cut])
    before = copy.deepcopy((total, order))
    assert add_all(total, order[cut:]) == dense(sent(FRAMES))
    assert (total, order) == before, "arguments stay as they are"


def test_a_part_in_compact_form_is_kept_in_uhi_form() -> None:
    for uhi, compact in BOTH_FORMS:
        assert dense(compact) == dense(uhi)


def test_nothing_adds_nothing() -> None:
    total = dense(sent(FRAMES))
    assert add_all(total, []) == total
    assert add_all({}, []) == {}


def test_every_bin_has_a_value_flow_bins_included() -> None:
    for histogram in dense(sent(FRAMES.select(0, -1))).values():
        (axis,) = histogram["axes"]
        assert histogram["storage"] == {"type": "int", "values": [0] * (axis["bins"] + 2)}


def a_histogram(**changes: Any) -> dict[str, Any]:
    axis = {
        "type": "regular",
        "lower": 0,
        "upper": 2.5,
        "bins": 2,
        "underflow": True,
        "overflow": True,
    }
    storage = {"type": "int", "values": [0, 1, 2, 0]}
    return {"uhi_schema": 1, "axes": [axis], "storage": storage, "metadata": {}, **changes}


def storage(values: Any, **further: Any) -> dict[str, Any]:
    return {"storage": {"type": "int", "values": values, **further}}


MALFORMED: dict[str, Any] = {
    "no object": 7,
    "another schema": a_histogram(uhi_schema=2),
    "two axes": a_histogram(axes=2 * a_histogram()["axes"]),
    "no bins": a_histogram(axes=[{"type": "regular"}]),
    "too many bins": a_histogram(axes=[{**a_histogram()["axes"][0], "bins": 10**9}]),
    "floats": a_histogram(storage={"type": "double", "values": [0.5] * 4}),
    "a value below zero": a_histogram(**storage([0, -1, 2, 0])),
    "a value that is no number": a_histogram(**storage([0, "1", 2, 0])),
    "true": a_histogram(**storage([0, True, 2, 0])),
    "an endless value": a_histogram(**storage([0, 10**30, 2, 0])),
    "too few values": a_histogram(**storage([0, 1, 2])),
    "an index beyond the axis": a_histogram(**storage([1], index=[[4]])),
    "an index that repeats": a_histogram(**storage([1, 1], index=[[2, 2]])),
    "a short index": a_histogram(**storage([1, 1], index=[[2]])),
    "an index of two axes": a_histogram(**storage([1], index=[[1], [1]])),
    "an index that is none": a_histogram(**storage([1], index=3)),
}


@pytest.mark.parametrize("histogram", MALFORMED.values(), ids=MALFORMED)
def test_what_cannot_be_added_is_refused_by_name(histogram: Any) -> None:
    with pytest.raises(MalformedHistograms, match="mine"):
        dense({"mine": histogram})
    with pytest.raises(MalformedHistograms, match="mine"):
        add_all({}, [{"mine": a_histogram()}, {"mine": histogram}])


def test_other_histograms_or_axes_are_refused() -> None:
    total = dense({"mine": a_histogram()})
    with pytest.raises(MalformedHistograms, match="other"):
        add(total, dense({"other": a_histogram()}))
    axis = {**a_histogram()["axes"][0], "type": "variable"}
    with pytest.raises(MalformedHistograms, match="mine"):
        add(total, dense({"mine": a_histogram(axes=[axis])}))


COMPACT = {
    "form": "compact-1",
    "layout": [["mine", 2, 0, 2.5, "label"]],
    "index": [1, 2],
    "values": [1, 2],
}
OTHERS: dict[str, dict[str, Any]] = {
    "another name": {"layout": [["other", 2, 0, 2.5, "label"]]},
    "another axis": {"layout": [["mine", 2, 0, 2.0, "label"]]},
    "one more": {"layout": [*COMPACT["layout"], ["other", 2, 0, 2.5, "label"]]},
    "another label": {"layout": [["mine", 2, 0, 2.5, "other"]]},
    "no form": {"form": "else"},
    "no counts": {"values": [1, "2"]},
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_a_compact_part_that_cannot_be_added_is_refused(changes: dict[str, Any]) -> None:
    for total in (dense(COMPACT), Histograms()):
        with pytest.raises(MalformedHistograms):
            add_all(total, [COMPACT, {**COMPACT, **changes}, COMPACT])


def test_ends_of_an_axis_that_are_no_numbers_at_all_are_refused() -> None:
    axis = {**a_histogram()["axes"][0], "lower": 0.5, "upper": 10**400}
    with pytest.raises(MalformedHistograms, match="mine"):
        dense({"mine": a_histogram(axes=[axis])})


def test_sets_of_many_layouts_are_refused_at_the_second() -> None:
    seen: list[int] = []

    def parts() -> Iterator[dict[str, Any]]:
        for number in range(1000):
            seen.append(number)
            layout = [["one", 99_998, 0.0, 1.0, str(number)]]
            yield {"form": "compact-1", "layout": layout, "index": [], "values": []}

    with pytest.raises(MalformedHistograms, match="another axis"):
        add_all({}, parts())
    assert len(seen) <= 3
