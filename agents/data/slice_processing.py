"""Counts and histograms of the slices of a TF sample, for many slices at once.

Most of the time goes into numpy calls, hardly any into a single slice. So clusters are found once,
and the bins of each histogram once, for all slices together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boost_histogram as bh
import numpy as np
import numpy.typing as npt

from agents.data.clustering import Clusters, find_clusters
from agents.data.histograms import Counted, entries, layout_of
from agents.data.time_frames import TimeFrames
from swf_common.configuration.groups import Clustering, Hits
from swf_common.histograms import Layout

Range = tuple[int, int]
"""First and last TF of a slice, both included, by their numbers in the STF."""
Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class SliceContents:
    """What was found in a slice.

    :param histograms: of its TFs, hits and clusters, in compact form (`swf_common.histograms`)
    """

    hit_count: int
    cluster_count: int
    histograms: dict[str, Any]


def process_slices(
    frames: TimeFrames, ranges: Sequence[Range], hits: Hits, clustering: Clustering
) -> list[SliceContents]:
    """What is in each slice, in the order of `ranges`. It is the same as for each slice alone.

    :param frames: the time frames of the sample
    :param ranges: the slices, in any order; they may overlap
    :param hits: settings that the axes of the histograms follow from
    :raises ValueError: a slice has time frames that the sample has not
    """
    if not ranges:
        return []
    span = frames.select(min(first for first, _ in ranges), max(last for _, last in ranges))
    wanted = _only(span, ranges)
    clusters = find_clusters(wanted, clustering)
    layout = layout_of(hits)
    firsts = np.array([first for first, _ in ranges])
    ends = np.array([last + 1 for _, last in ranges])
    cuts = np.unique([firsts, ends])
    counts = _count(wanted, clusters, hits, cuts)
    begin, end = np.searchsorted(cuts, firsts), np.searchsorted(cuts, ends)
    hit_counts = span.offsets[ends - span.tf_first] - span.offsets[firsts - span.tf_first]
    cluster_counts = np.searchsorted(clusters.tf, ends) - np.searchsorted(clusters.tf, firsts)
    return [
        SliceContents(
            int(hit_counts[number]),
            int(cluster_counts[number]),
            _compact(layout, counts[begin[number] : end[number]].sum(axis=0)),
        )
        for number in range(len(ranges))
    ]


def _only(frames: TimeFrames, ranges: Sequence[Range]) -> TimeFrames:
    """The time frames; those that are in no range have lost their hits."""
    needed = np.zeros(frames.tf_count, dtype=bool)
    for first, last in ranges:
        needed[first - frames.tf_first : last + 1 - frames.tf_first] = True
    if needed.all():
        return frames
    hits = np.repeat(needed, frames.hits_per_tf)
    return TimeFrames(
        frames.tf_first,
        np.concatenate(([0], np.cumsum(frames.hits_per_tf * needed))),
        frames.detector[hits],
        frames.cell[hits],
        frames.time[hits],
        frames.energy[hits],
    )


def _count(frames: TimeFrames, clusters: Clusters, settings: Hits, cuts: Ints) -> Ints:
    """Counts of all bins, flow bins included, of shape (len(cuts) - 1, layout.size). Row i counts
    the TFs from `cuts[i]` up to `cuts[i + 1]`. Slices that overlap share rows.
    """
    layout, axes = layout_of(settings), _axes(settings)
    tf = {
        Counted.TF: np.arange(frames.tf_first, frames.tf_last + 1),
        Counted.HIT: frames.tf,
        Counted.CLUSTER: clusters.tf,
    }
    row = {
        kind: (np.searchsorted(cuts, each, "right") - 1) * layout.size for kind, each in tf.items()
    }
    bins: list[Ints] = []
    for name, kind, indices, values in entries(settings, frames, clusters):
        begin = layout.places[name].start + 1  # -1 is the underflow bin
        rows = row[kind] if indices is None else row[kind][indices]
        bins.append(axes[name].index(values) + begin + rows)
    size = max(1, len(cuts) - 1) * layout.size
    return np.bincount(np.concatenate(bins), minlength=size).reshape(-1, layout.size)


@lru_cache(16)
def _axes(settings: Hits) -> dict[str, Any]:  # the library's types know no arrays
    return {
        axis.name: bh.axis.Regular(axis.bins, axis.lower, axis.upper)
        for axis in layout_of(settings).axes
    }


def _compact(layout: Layout, counts: Ints) -> dict[str, Any]:
    index = np.flatnonzero(counts)
    return layout.compact(index.tolist(), counts[index].tolist())
