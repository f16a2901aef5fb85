"""Slices in batches: each gets what it would get alone, bit for bit."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agents.data.clustering import find_clusters
from agents.data.histograms import HistogramSet
from agents.data.slice_processing import Range, SliceContents, process_slices
from agents.data.time_frames import TimeFrames
from swf_common.configuration.groups import EPIC_LIKE, Clustering, Hits
from swf_common.histograms import read_compact
from tests.unit.data.frames import frames_of, stf

CLUSTERING = Clustering()
SAMPLE = stf(60, 15).select(20, 49)


def alone(frames: TimeFrames, part: Range, hits: Hits) -> SliceContents:
    """A slice as the library's histograms count it."""
    selected = frames.select(*part)
    clusters = find_clusters(selected, CLUSTERING)
    made = HistogramSet.empty(hits)
    made.fill(hits, selected, clusters)
    return SliceContents(selected.hit_count, clusters.count, made.to_compact())


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    first = draw(st.integers(SAMPLE.tf_first, SAMPLE.tf_last))
    return first, draw(st.integers(first - 1, SAMPLE.tf_last))


@given(
    parts=st.lists(ranges(), max_size=8),
    hits=st.sampled_from([Hits(), Hits(mean_hits_per_tf=3), Hits(detectors=EPIC_LIKE[2:4])]),
)
@examples(max_examples=60)
def test_each_slice_of_a_batch_holds_what_it_holds_alone(parts: list[Range], hits: Hits) -> None:
    found = process_slices(SAMPLE, parts, hits, CLUSTERING)
    assert found == [alone(SAMPLE, part, hits) for part in parts]


def test_what_lies_beyond_an_axis_is_counted_as_well() -> None:
    frames = frames_of([(5, 1, 10**6, 1e9, 1e9)] * 500 + [(6, 200, 3, 1.0, 1.0)], 3, 5)
    parts = [(5, 5), (6, 7), (5, 7)]
    found = process_slices(frames, parts, Hits(), CLUSTERING)
    assert found == [alone(frames, part, Hits()) for part in parts]
    assert [one.hit_count for one in found] == [500, 1, 501]


def test_the_contents_of_a_slice_are_json() -> None:
    (one,) = process_slices(SAMPLE, [(20, 21)], Hits(), CLUSTERING)
    again = json.loads(json.dumps(one.histograms))
    assert again == one.histograms
    assert read_compact(again).layout.places["hits_per_tf"] == slice(0, 62)


@pytest.mark.parametrize("tf_count", [1, 2])
def test_a_slice_of_a_usual_sample_is_a_short_message(tf_count: int) -> None:
    (one,) = process_slices(stf(20), [(4, 3 + tf_count)], Hits(), CLUSTERING)
    assert len(json.dumps(one.histograms)) < 2800


def test_a_slice_that_is_not_in_the_sample_is_refused() -> None:
    for part in ((19, 21), (49, 50)):
        with pytest.raises(ValueError, match="are not among 20 to 49"):
            process_slices(SAMPLE, [(30, 31), part], Hits(), CLUSTERING)
