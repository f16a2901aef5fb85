"""Histograms in compact form: malformed ones are refused, a layout is checked once."""

from __future__ import annotations

from typing import Any

import pytest

from swf_common.histograms import (
    LARGEST_COUNT,
    MOST_BINS,
    MalformedHistograms,
    is_compact,
    read_compact,
)

LAYOUT = [["one", 2, 0, 2.5, "energy [MeV]"], ["two", 3, -1.5, 10, ""]]


def a_set(**changes: Any) -> dict[str, Any]:
    return {
        "form": "compact-1",
        "layout": LAYOUT,
        "index": [0, 3, 8],
        "values": [1, 2, LARGEST_COUNT],
        **changes,
    }


def test_a_set_is_read_and_its_bins_are_in_the_order_of_the_layout() -> None:
    found = read_compact(a_set())
    assert (found.bins, found.values) == ([0, 3, 8], [1, 2, LARGEST_COUNT])
    assert found.layout.size == 9
    assert found.layout.places == {"one": slice(0, 4), "two": slice(4, 9)}
    assert found.layout.compact(found.bins, found.values) == a_set()


def test_a_set_without_counts_or_histograms_is_one() -> None:
    assert read_compact(a_set(index=[], values=[])).values == []
    assert read_compact(a_set(layout=[], index=[], values=[])).layout.size == 0


def test_equal_layouts_are_the_same() -> None:
    assert read_compact(a_set()).layout is read_compact(a_set(layout=[*LAYOUT])).layout
    assert read_compact(a_set()).layout is not read_compact(a_set(layout=LAYOUT[::-1])).layout


def test_uhi_has_every_bin() -> None:
    found = read_compact(a_set())
    two = found.layout.to_uhi(list(range(9)))["two"]
    assert two["storage"] == {"type": "int", "values": [4, 5, 6, 7, 8]}
    assert two["axes"] == [
        {
            "type": "regular",
            "lower": -1.5,
            "upper": 10.0,
            "bins": 3,
            "underflow": True,
            "overflow": True,
            "circular": False,
            "metadata": {"label": ""},
        }
    ]


def test_a_histogram_may_be_called_form() -> None:
    assert is_compact(a_set())
    assert not is_compact({"form": {"uhi_schema": 1}})


def axis(*changes: Any) -> dict[str, Any]:
    return {"layout": [["one", 2, 0, 2.5, "label"][: 5 - len(changes)] + list(changes)]}


MALFORMED: dict[str, dict[str, Any]] = {
    "another form": {"form": "compact-2"},
    "no layout": {"layout": None},
    "a layout of texts": {"layout": ["abcde"]},
    "a short axis": {"layout": [["one", 2, 0, 2.5]]},
    "an axis of lists": axis([]),
    "a label that is none": axis(7),
    "a name that is none": {"layout": [[1, 2, 0, 2.5, ""]]},
    "two of a name": {"layout": [LAYOUT[0], LAYOUT[0]]},
    "no bins": axis(0, 0, 1, ""),
    "true bins": axis(True, 0, 1, ""),
    "too many bins": axis(MOST_BINS + 1, 0, 1, ""),
    "too many bins in all": {"layout": [[str(n), MOST_BINS // 2, 0, 1, ""] for n in range(3)]},
    "an axis of no width": axis(1.0, 1, ""),
    "an axis without an end": axis(0, float("inf"), ""),
    "an axis of no numbers": axis(0, float("nan"), ""),
    "an end beyond all numbers": axis(0.5, 10**400, ""),
    "a text for an end": axis("0", 1, ""),
    "no index": {"index": None},
    "too few values": {"values": [1, 2]},
    "an index below zero": {"index": [-1, 3, 8]},
    "an index beyond the bins": {"index": [0, 3, 9]},
    "an index that repeats": {"index": [0, 3, 3]},
    "an index that falls": {"index": [3, 0, 8]},
    "a true index": {"index": [True, 3, 8]},
    "an index of floats": {"index": [0.0, 3, 8]},
    "an index of lists": {"index": [[0], 3, 8]},
    "a value below zero": {"values": [1, -2, 3]},
    "an endless value": {"values": [1, 2, LARGEST_COUNT + 1]},
    "a true value": {"values": [1, True, 3]},
    "a text for a value": {"values": [1, "2", 3]},
}


@pytest.mark.parametrize("changes", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_set_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedHistograms):
        read_compact(a_set(**changes))


@pytest.mark.parametrize(
    "layout",
    [
        [[f"h{number}", 1, 0.0, 1.0, ""] for number in range(33_000)],
        [["one", 1, 0.0, 1.0, "x" * 1_000_000]],
    ],
)
def test_a_layout_that_takes_much_memory_is_valid_and_not_remembered(layout: list[Any]) -> None:
    content = a_set(layout=layout, index=[1], values=[5])
    assert read_compact(content).layout is not read_compact(content).layout


def test_a_usual_layout_is_remembered() -> None:
    assert read_compact(a_set()).layout is read_compact(a_set()).layout
