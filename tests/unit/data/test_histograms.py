"""Histograms: everything is counted once, and sums are the same in any order."""

from __future__ import annotations

import json
from typing import Any

import boost_histogram as bh
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agents.data.clustering import find_clusters
from agents.data.histograms import HistogramSet, MalformedHistograms
from agents.data.slicing import slices
from agents.data.time_frames import TimeFrames
from swf_common.configuration.groups import EPIC_LIKE, Clustering, Hits, Slicing
from tests.unit.data.frames import frames_of, stf

SETTINGS = Hits()
FRAMES = stf(20)
MESSAGE_BYTES = 10_000


def filled(frames: TimeFrames) -> HistogramSet:
    made = HistogramSet.empty(SETTINGS)
    made.fill(SETTINGS, frames, find_clusters(frames, Clustering()))
    return made


def sliced(size: int) -> list[HistogramSet]:
    parts = slices(Slicing(num_tf_per_slice=size), "a.tf", 0, FRAMES.tf_last)
    return [filled(FRAMES.select(part.tf_first, part.tf_last)) for part in parts]


def summed(parts: list[HistogramSet]) -> dict[str, Any]:
    total = HistogramSet.empty(SETTINGS)
    for part in parts:
        total.add(part)
    return total.to_uhi()


WHOLE = filled(FRAMES)
SLICED = {size: sliced(size) for size in (1, 2, 7, 15)}


def test_frames_hits_and_clusters_are_counted_exactly() -> None:
    clusters = find_clusters(FRAMES, Clustering())
    assert (WHOLE.tfs, WHOLE.hits, WHOLE.clusters) == (20, FRAMES.hit_count, clusters.count)
    for kind, total in (("cell_occupancy", FRAMES.hit_count), ("cluster_energy", clusters.count)):
        entries = [
            WHOLE.histograms[f"{kind}/{detector.name}"].sum(flow=True) for detector in EPIC_LIKE
        ]
        assert sum(entries) == total


def test_what_lies_beyond_an_axis_is_counted_too() -> None:
    frames = frames_of([(0, 1, 10**6, 1e9, 1e9)] * 500)
    assert (filled(frames).tfs, filled(frames).hits, filled(frames).clusters) == (1, 500, 1)


@given(st.data())
@examples(max_examples=40)
def test_sums_are_the_same_bin_for_bin_however_sliced_and_in_any_order(data: st.DataObject) -> None:
    parts = data.draw(st.permutations(SLICED[data.draw(st.sampled_from(list(SLICED)))]))
    assert summed(parts) == WHOLE.to_uhi()


@pytest.mark.parametrize("frames", [FRAMES, FRAMES.select(0, 1), stf(0), stf(300)])
def test_a_set_survives_a_message(frames: TimeFrames) -> None:
    made = filled(frames)
    message = json.dumps(made.to_uhi())
    again = HistogramSet.from_uhi(json.loads(message))
    assert again.to_uhi() == made.to_uhi()
    assert (again.tfs, again.hits, again.clusters) == (made.tfs, made.hits, made.clusters)
    again.add(made)
    assert again.hits == 2 * made.hits


@pytest.mark.parametrize("frames", [FRAMES, FRAMES.select(0, 1), stf(0), stf(300)])
def test_a_set_in_compact_form_is_the_same(frames: TimeFrames) -> None:
    made = filled(frames)
    again = HistogramSet.from_compact(json.loads(json.dumps(made.to_compact())))
    assert again.to_uhi() == made.to_uhi()
    again.add(made)
    assert again.hits == 2 * made.hits


def test_a_set_that_is_not_in_compact_form_or_lacks_histograms_is_refused() -> None:
    content = WHOLE.to_compact()
    with pytest.raises(MalformedHistograms, match="no integer"):
        HistogramSet.from_compact({**content, "values": [0.5] * len(content["values"])})
    with pytest.raises(MalformedHistograms, match="histograms are missing: cluster_size, hit_time"):
        HistogramSet.from_compact({**content, "layout": [], "index": [], "values": []})


@pytest.mark.parametrize("tf_count", [1, 2, 15, 300])
def test_a_set_fits_into_a_message(tf_count: int) -> None:
    assert len(json.dumps(filled(stf(tf_count)).to_uhi())) < MESSAGE_BYTES


def test_other_programs_can_read_a_histogram() -> None:
    content = json.loads(json.dumps(WHOLE.to_uhi()["cluster_energy/barrel_ecal"]))
    assert content["uhi_schema"] == 1
    assert content["axes"][0]["metadata"] == {"label": "cluster energy [MeV]"}
    assert content["storage"]["type"] == "int"


def test_the_energy_of_clusters_is_a_peak_over_a_background() -> None:
    axis_peak = []
    histograms = filled(stf(1000)).histograms
    for detector in EPIC_LIKE:
        counts = histograms[f"cluster_energy/{detector.name}"].values()
        centre = detector.energy_scale_mev / (2.5 * detector.energy_scale_mev) * 50
        around = slice(int(centre) - 3, int(centre) + 4)
        before = counts[int(centre) - 8 : int(centre) - 5]
        axis_peak.append(counts[around].max() > 2 * np.mean(before))
    assert all(axis_peak)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda content: content.clear(), "histograms are missing: cluster_size, hit_time"),
        (lambda content: content.pop("hit_time"), "histograms are missing: hit_time"),
        (lambda content: content.update(hit_time=5), "no histograms in UHI form"),
        (lambda content: content["hit_time"].pop("axes"), "no histograms in UHI form"),
        (
            lambda content: content["hit_time"]["storage"].update(values=["x"]),
            "no histograms in UHI form",
        ),
        (
            lambda content: content.update(hit_time=bh.Histogram(bh.axis.Regular(2, 0, 1))),
            "no histograms in UHI form",
        ),
        (
            lambda content: content["hit_time"]["storage"].update(type="double"),
            "do not count integers",
        ),
    ],
)
def test_what_is_no_set_is_refused(harm: Any, reason: str) -> None:
    content = WHOLE.to_uhi()
    harm(content)
    with pytest.raises(MalformedHistograms, match=reason):
        HistogramSet.from_uhi(content)


def test_sets_of_other_histograms_are_not_added() -> None:
    made = filled(FRAMES)
    for other in (
        Hits(detectors=EPIC_LIKE[:1]),
        Hits(mean_hits_per_tf=7),
    ):
        with pytest.raises(MalformedHistograms, match="cannot be added"):
            made.add(HistogramSet.empty(other))
    assert made.to_uhi() == WHOLE.to_uhi()
