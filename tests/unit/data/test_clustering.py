"""Clusters: neighbouring cells of one detector, close in time, and no hit twice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.data.clustering import Clusters, find_clusters
from swf_common.configuration.groups import Clustering
from tests.unit.data.frames import Hit, frames_of, stf

USUAL = Clustering(cluster_time_window_ns=30)


def clusters(*hits: Hit, tf_count: int = 1) -> Clusters:
    return find_clusters(frames_of(list(hits), tf_count), USUAL)


def test_neighbouring_cells_close_in_time_are_one_cluster() -> None:
    found = clusters((0, 1, 10, 100.0, 1.0), (0, 1, 11, 110.0, 3.0))
    assert found.count == 1
    assert (found.tf[0], found.detector[0], found.size[0]) == (0, 1, 2)
    assert (found.energy[0], found.time[0], found.cell[0]) == (4.0, 107.5, 10.75)


@pytest.mark.parametrize(
    ("why", "other"),
    [
        ("a cell lies between them", (0, 1, 12, 100.0, 1.0)),
        ("they are far apart in time", (0, 1, 11, 131.0, 1.0)),
        ("their detectors differ", (0, 2, 11, 100.0, 1.0)),
        ("their time frames differ", (1, 1, 11, 100.0, 1.0)),
    ],
)
def test_hits_are_clusters_of_their_own_when(why: str, other: Hit) -> None:
    found = clusters((0, 1, 10, 100.0, 1.0), other, tf_count=2)
    assert sorted(found.size) == [1, 1]


def test_a_row_of_neighbours_is_one_cluster_and_a_cell_may_be_hit_twice() -> None:
    row: list[Hit] = [(0, 1, cell, 100.0 + cell, 1.0) for cell in (3, 4, 4, 5, 6)]
    assert clusters(*row).size.tolist() == [5]


def test_cuts_go_on_until_none_is_left() -> None:
    # the hit at 125 ns links the others in time, but is far from them in cells
    found = clusters((0, 1, 10, 100.0, 1.0), (0, 1, 90, 125.0, 1.0), (0, 1, 11, 150.0, 1.0))
    assert found.size.tolist() == [1, 1, 1]


def test_no_hits_are_no_clusters() -> None:
    found = clusters(tf_count=3)
    assert found.count == 0
    assert found.energy.sum() == 0


def test_clusters_come_in_the_order_of_frames_and_detectors() -> None:
    found = find_clusters(stf(), USUAL)
    order = found.tf * 256 + found.detector
    assert (np.diff(order) >= 0).all()


a_hit = st.tuples(
    st.integers(0, 2),
    st.integers(0, 3),
    st.integers(0, 12),
    st.integers(0, 200).map(float),
    st.integers(0, 50).map(float),
)


@given(st.lists(a_hit, max_size=40), st.randoms())
def test_clusters_hold_every_hit_once_in_whatever_order_hits_come(
    hits: list[Hit], random: st.DataObject
) -> None:
    ordered = sorted(hits)
    found = find_clusters(frames_of(ordered, 3), USUAL)
    assert found.size.sum() == len(hits)
    assert found.energy.sum() == sum(hit[4] for hit in hits)
    assert (found.size >= 1).all()
    random.shuffle(hits)  # type: ignore[attr-defined]
    again = find_clusters(frames_of(sorted(hits, key=lambda hit: hit[0]), 3), USUAL)
    for column in ("tf", "detector", "size", "energy"):
        assert np.array_equal(getattr(found, column), getattr(again, column))


def by_hand(hits: list[Hit], window: float) -> list[tuple[int, float]]:
    """Size and energy of each cluster, found hit by hit, straight from the definition."""
    groups = [[hit for hit in hits if hit[:2] == key] for key in sorted({hit[:2] for hit in hits})]
    done = False
    while not done:
        done = True
        for value, step in ((3, window), (2, 1.0)):
            cut = []
            for group in groups:
                ranked = sorted(group, key=lambda hit: hit[value])
                parts = [[ranked[0]]]
                for before, hit in pairwise(ranked):
                    if hit[value] - before[value] > step:
                        parts.append([])
                    parts[-1].append(hit)
                done = done and len(parts) == 1
                cut += parts
            groups = cut
    return sorted((len(group), sum(hit[4] for hit in group)) for group in groups)


@given(st.lists(a_hit, max_size=40))
def test_clusters_are_those_of_the_definition(hits: list[Hit]) -> None:
    found = find_clusters(frames_of(sorted(hits), 3), USUAL)
    pairs = sorted(zip(found.size.tolist(), found.energy.tolist(), strict=True))
    assert pairs == by_hand(hits, 30)


@given(st.integers(1, 20))
def test_clusters_of_slices_are_those_of_the_whole(size: int) -> None:
    frames = stf()
    whole = find_clusters(frames, USUAL)
    parts = [
        find_clusters(frames.select(first, min(first + size - 1, frames.tf_last)), USUAL)
        for first in range(0, frames.tf_count, size)
    ]
    for column in ("tf", "detector", "size", "energy", "time", "cell"):
        joined = np.concatenate([getattr(part, column) for part in parts])
        assert np.array_equal(joined, getattr(whole, column))
