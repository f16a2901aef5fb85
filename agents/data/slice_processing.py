"""What a worker finds in slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from agents.data.clustering import find_clusters
from agents.data.histograms import HistogramSet
from agents.data.time_frames import TimeFrames
from swf_common.configuration.groups import Clustering, Hits


class SliceCounts(NamedTuple):
    """What is in a slice."""

    hit_count: int
    cluster_count: int
    histograms: dict[str, Any]


def process_slices(
    frames: TimeFrames, ranges: Sequence[tuple[int, int]], hits: Hits, clustering: Clustering
) -> list[SliceCounts]:
    """What is in slices of one sample."""
    found = []
    for first, last in ranges:
        part = frames.select(first, last)
        clusters = find_clusters(part, clustering)
        histograms = HistogramSet.empty(hits)
        histograms.fill(hits, part, clusters)
        found.append(SliceCounts(part.hit_count, clusters.count, histograms.to_uhi()))
    return found
