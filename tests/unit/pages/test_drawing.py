"""Drawings: axes, histograms, bars and the timeline."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.pages.drawing import histogram, timeline
from monitor.pages.drawing.bars import Bar, bars
from monitor.pages.drawing.scale import Scale, round_step
from monitor.pages.drawing.timeline import (
    LEFT,
    MOST_MARKS,
    MOST_SEGMENTS,
    RIGHT,
    Lane,
    Rectangle,
    Segment,
)


def uhi(values: list[int], *, flow: bool = True, label: str = "energy [MeV]") -> dict[str, Any]:
    bins = len(values) - 2 if flow else len(values)
    axis = {
        "type": "regular",
        "lower": 0.0,
        "upper": float(bins),
        "bins": bins,
        "underflow": flow,
        "overflow": flow,
        "circular": False,
        "metadata": {"label": label},
    }
    return {"uhi_schema": 1, "axes": [axis], "storage": {"type": "int", "values": values}}


@pytest.mark.parametrize(
    ("least", "step"),
    [(0.7, 1), (1, 1), (1.1, 2), (3, 5), (7, 10), (0.03, 0.05), (0, 1), (2e6, 2e6)],
)
def test_a_step_is_a_one_two_or_five(least: float, step: float) -> None:
    assert round_step(least) == pytest.approx(step)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_lie_on_the_axis(low: float, width: float) -> None:
    scale = Scale(low, low + width, 10, 110)
    ticks = scale.ticks(5)
    assert len(ticks) <= 7
    assert all(9.9 <= place <= 110.1 for _, place in ticks)


def test_a_histogram_is_drawn_bin_by_bin_and_tells_what_lies_beside_the_axis() -> None:
    drawing = histogram.draw("energy", uhi([3, 1, 2, 5]), None, 1.0)
    assert drawing.label == "energy [MeV]"
    assert (drawing.entries, drawing.beside) == (3, (3, 5))
    assert drawing.mean == pytest.approx((0.5 * 1 + 1.5 * 2) / 3)
    (outline,) = drawing.areas
    points = [tuple(map(float, point.split(","))) for point in outline.split()]
    left, top, right, bottom = drawing.frame
    assert points[0] == (left, bottom)
    assert points[-1] == (right, bottom)
    heights = [bottom - y for _, y in points[1:-1]]
    assert heights[2] == pytest.approx(2 * heights[0], abs=0.02)
    assert max(heights) < bottom - top


def test_a_histogram_without_flow_bins_is_drawn_whole() -> None:
    assert histogram.draw("x", uhi([1, 2, 3], flow=False), None, 1.0).entries == 6


def test_an_empty_histogram_has_no_mean() -> None:
    drawing = histogram.draw("x", uhi([0, 0, 0, 0]), None, 1.0)
    assert (drawing.entries, drawing.mean) == (0, None)


def test_a_second_histogram_of_the_same_axis_lies_over_the_first() -> None:
    one = uhi([0, 1, 2, 0])
    assert len(histogram.draw("x", one, uhi([0, 2, 4, 0]), 0.5).areas) == 2
    same = histogram.draw("x", one, uhi([0, 2, 4, 0]), 0.5).areas
    assert same[0] == same[1]
    other_axis = uhi([0, 1, 2, 3, 0])
    assert len(histogram.draw("x", one, other_axis, 1.0).areas) == 1


@given(st.lists(st.integers(0, 10**9), max_size=50))
def test_every_count_that_is_not_zero_has_a_bar_that_fits(counts: list[int]) -> None:
    drawn = bars(counts, x=10, width=100, bottom=50, height=40)
    assert [bar.count for bar in drawn] == [count for count in counts if count]
    assert all(bar.y >= 9.9 and bar.y + bar.height <= 50.1 for bar in drawn)
    assert all(10 <= bar.x <= 110 for bar in drawn)


def test_few_things_are_marks_and_a_segment_is_cut_where_the_drawing_ends() -> None:
    lanes = [
        Lane("run", segments=[Segment(0, 100, "run physics", "ok"), Segment(100, 101, "x")]),
        Lane("STFs", marks=[(1.0, "a.stf"), (99.0, "b.stf")]),
    ]
    drawn = timeline.draw(lanes, 0, 50)
    run, stfs = drawn.lanes
    (rectangle,) = run.rectangles
    assert (rectangle.x, rectangle.x + rectangle.width) == (LEFT, RIGHT)
    assert rectangle.inside == "run physics"
    assert [one.title for one in stfs.rectangles] == ["a.stf at 1.000 s"]
    assert (run.total, stfs.total) == (None, 2)


def test_many_things_are_bars_of_counts() -> None:
    counts = [0] * 90 + [MOST_MARKS] * 90
    (lane,) = timeline.draw([Lane("slices", counts=counts)], 0, 10).lanes
    assert lane.total == sum(counts)
    assert len(lane.bars) == 90
    assert lane.rectangles == []


def test_an_agent_that_changes_too_often_is_shown_by_its_share_of_work() -> None:
    often = [
        Segment(n / 100, (n + 0.5) / 100, "PROCESSING", "busy") for n in range(MOST_SEGMENTS + 1)
    ]
    (lane,) = timeline.draw([Lane("agent", segments=often)], 0, 4).lanes
    assert lane.rectangles == []
    shares = [bar.count for bar in lane.bars]
    assert max(shares) <= 1.0
    assert sum(shares) * 4 / timeline.BINS == pytest.approx(len(often) * 0.005, rel=0.05)


@given(
    st.lists(
        st.tuples(st.floats(-10, 100), st.floats(0, 50)).map(
            lambda pair: Segment(pair[0], pair[0] + pair[1], "READY")
        ),
        max_size=MOST_SEGMENTS + 20,
    ),
    st.floats(0, 50),
    st.floats(0, 50),
)
def test_nothing_is_drawn_outside_of_its_lane(
    segments: list[Segment], begin: float, width: float
) -> None:
    (lane,) = timeline.draw([Lane("x", segments=segments)], begin, begin + width).lanes
    shapes: list[Rectangle | Bar] = [*lane.rectangles, *lane.bars]
    for shape in shapes:
        assert shape.x >= LEFT - 0.01
        assert shape.x + shape.width <= RIGHT + 1.5
