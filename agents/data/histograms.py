"""The histograms of a slice, an STF or a run: counts that add up exactly.

Every bin is an integer, so a sum of sets depends neither on their order nor on how the time
frames were sliced. Across processes a set travels in the field's form for histograms: UHI,
schema 1, as JSON (https://uhi.readthedocs.io), each histogram sparse when that is shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import boost_histogram as bh
import numpy as np
from uhi.io import from_sparse, remove_writer_info, to_sparse

from agents.data.clustering import Clusters
from agents.data.time_frames import (
    CROSSING_NS,
    CROSSINGS_PER_ORBIT,
    CROSSINGS_PER_TF,
    TF_DURATION_NS,
    TimeFrames,
)
from swf_common.configuration.groups import Hits

Histogram = bh.Histogram[bh.storage.Int64]

HITS_PER_TF = "hits_per_tf"
HIT_TIME = "hit_time"
HIT_BUNCH = "hit_bunch"
CLUSTER_SIZE = "cluster_size"
CLUSTER_ENERGY = "cluster_energy/{}"
CELL_OCCUPANCY = "cell_occupancy/{}"


class MalformedHistograms(ValueError):
    """What should be a set of histograms is none, or one of other histograms."""


class HistogramSet:
    """The histograms of some time frames, by name.

    `hits_per_tf` has an entry a TF, `hit_time` and `hit_bunch` one a hit, `cluster_size` one a
    cluster; each subdetector has `cluster_energy/<name>` and `cell_occupancy/<name>`, with an
    entry a cluster and a hit. Entries beyond an axis are counted in its flow bins.
    """

    def __init__(self, histograms: dict[str, Histogram]) -> None:
        self.histograms = histograms

    @classmethod
    def empty(cls, settings: Hits) -> Self:
        """A set without entries."""
        most_hits = max(1.0, 3 * settings.mean_hits_per_tf)
        made = {
            HITS_PER_TF: _histogram(60, 0, most_hits, "hits in a time frame"),
            HIT_TIME: _histogram(32, 0, TF_DURATION_NS, "time in the time frame [ns]"),
            HIT_BUNCH: _histogram(63, 0, CROSSINGS_PER_ORBIT, "bunch crossing in the orbit"),
            CLUSTER_SIZE: _histogram(12, 0.5, 12.5, "hits in a cluster"),
        }
        for detector in settings.detectors:
            name, scale = detector.name, detector.energy_scale_mev
            energy = _histogram(50, 0, 2.5 * scale, "cluster energy [MeV]")
            made[CLUSTER_ENERGY.format(name)] = energy
            made[CELL_OCCUPANCY.format(name)] = _histogram(32, 0, detector.cell_count, "cell")
        return cls(made)

    def fill(self, settings: Hits, frames: TimeFrames, clusters: Clusters) -> None:
        """Count time frames, their hits and their clusters.

        :param settings: those that the set was made with
        """
        crossing = frames.time.astype(np.float64) // CROSSING_NS + frames.tf * CROSSINGS_PER_TF
        self._fill(HITS_PER_TF, frames.hits_per_tf)
        self._fill(HIT_TIME, frames.time)
        self._fill(HIT_BUNCH, crossing % CROSSINGS_PER_ORBIT)
        self._fill(CLUSTER_SIZE, clusters.size)
        for detector in settings.detectors:
            name = detector.name
            energy = clusters.energy[clusters.detector == detector.id]
            self._fill(CLUSTER_ENERGY.format(name), energy)
            self._fill(CELL_OCCUPANCY.format(name), frames.cell[frames.detector == detector.id])

    def add(self, other: HistogramSet) -> None:
        """Add the entries of another set.

        :raises MalformedHistograms: it has other histograms; nothing is added
        """
        if self._axes() != other._axes():
            raise MalformedHistograms("sets with other histograms or axes cannot be added")
        for name, histogram in self.histograms.items():
            histogram += other.histograms[name]

    @property
    def tfs(self) -> int:
        """How many TFs were counted."""
        return self._entries(HITS_PER_TF)

    @property
    def hits(self) -> int:
        """How many hits were counted."""
        return self._entries(HIT_TIME)

    @property
    def clusters(self) -> int:
        """How many clusters were counted."""
        return self._entries(CLUSTER_SIZE)

    def to_uhi(self) -> dict[str, Any]:
        """The set as JSON can hold it: each histogram in UHI form, by name."""
        return {name: _to_uhi(histogram) for name, histogram in self.histograms.items()}

    @classmethod
    def from_uhi(cls, content: Mapping[str, Any]) -> Self:
        """The set that `to_uhi` gave, also after it was JSON.

        :raises MalformedHistograms: it is not in UHI form, counts something else than integers,
            or histograms are missing
        """
        try:
            made = {name: bh.Histogram(from_sparse(part)) for name, part in content.items()}
        except Exception as error:  # the library raises what its parts happen to raise
            raise MalformedHistograms(f"no histograms in UHI form: {error!r}") from error
        missing = {HITS_PER_TF, HIT_TIME, CLUSTER_SIZE} - made.keys()
        if missing:
            raise MalformedHistograms(f"histograms are missing: {', '.join(sorted(missing))}")
        if any(histogram.storage_type is not bh.storage.Int64 for histogram in made.values()):
            raise MalformedHistograms("histograms do not count integers")
        return cls(made)

    def _fill(self, name: str, values: Any) -> None:
        self.histograms[name].fill(values)

    def _entries(self, name: str) -> int:
        return int(self.histograms[name].sum(flow=True))

    def _axes(self) -> dict[str, Any]:
        return {name: histogram.axes for name, histogram in self.histograms.items()}


def _histogram(bins: int, lower: float, upper: float, label: str) -> Histogram:
    axis = bh.axis.Regular(bins, lower, upper, __dict__={"label": label})
    return bh.Histogram(axis, storage=bh.storage.Int64())


def _to_uhi(histogram: Histogram) -> dict[str, Any]:
    content: dict[str, Any] = remove_writer_info(histogram._to_uhi_(), library=None)
    counts = content["storage"]["values"]
    if 2 * np.count_nonzero(counts) < counts.size:
        content = to_sparse(content)
    storage = {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in content["storage"].items()
    }
    return {**content, "storage": storage}
