"""The histograms of a slice, an STF or a run: counts that add up exactly.

Every bin is an integer, so a sum of sets depends neither on their order nor on how the time
frames were sliced. Across processes a set travels as JSON: in compact form
(`swf_common.histograms`), or in the field's form for histograms, UHI, schema 1
(https://uhi.readthedocs.io), each histogram sparse when that is shorter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, Self

import boost_histogram as bh
import numpy as np
import numpy.typing as npt
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
from swf_common.histograms import (
    Axis,
    Layout,
    MalformedHistograms,
    read_compact,
)

__all__ = ["Counted", "Entries", "HistogramSet", "MalformedHistograms", "entries", "layout_of"]

Histogram = bh.Histogram[bh.storage.Int64]

HITS_PER_TF = "hits_per_tf"
HIT_TIME = "hit_time"
HIT_BUNCH = "hit_bunch"
CLUSTER_SIZE = "cluster_size"
CLUSTER_ENERGY = "cluster_energy/{}"
CELL_OCCUPANCY = "cell_occupancy/{}"


class Counted(Enum):
    """What a histogram has one entry for."""

    TF = "time frame"
    HIT = "hit"
    CLUSTER = "cluster"


class Entries(NamedTuple):
    """The entries of one histogram.

    :param name: the histogram's name
    :param counted: what it has one entry for
    :param indices: which of the TFs, hits or clusters are counted; None: all
    :param values: the value of each, in the histogram's unit
    """

    name: str
    counted: Counted
    indices: npt.NDArray[np.int64] | None
    values: npt.NDArray[Any]


@lru_cache(16)
def layout_of(settings: Hits) -> Layout:
    """The names and axes of the histograms of data with these settings."""
    most_hits = max(1.0, 3 * settings.mean_hits_per_tf)
    axes = [
        Axis(HITS_PER_TF, 60, 0, most_hits, "hits in a time frame"),
        Axis(HIT_TIME, 32, 0, TF_DURATION_NS, "time in the time frame [ns]"),
        Axis(HIT_BUNCH, 63, 0, CROSSINGS_PER_ORBIT, "bunch crossing in the orbit"),
        Axis(CLUSTER_SIZE, 12, 0.5, 12.5, "hits in a cluster"),
    ]
    for detector in settings.detectors:
        energy, occupancy = (one.format(detector.name) for one in (CLUSTER_ENERGY, CELL_OCCUPANCY))
        axes += [
            Axis(energy, 50, 0, 2.5 * detector.energy_scale_mev, "cluster energy [MeV]"),
            Axis(occupancy, 32, 0, detector.cell_count, "cell"),
        ]
    return Layout(tuple(axes))


def entries(settings: Hits, frames: TimeFrames, clusters: Clusters) -> Iterator[Entries]:
    """The entries of each histogram, in the order of the layout."""
    crossing = frames.time.astype(np.float64) // CROSSING_NS + frames.tf * CROSSINGS_PER_TF
    yield Entries(HITS_PER_TF, Counted.TF, None, frames.hits_per_tf)
    yield Entries(HIT_TIME, Counted.HIT, None, frames.time)
    yield Entries(HIT_BUNCH, Counted.HIT, None, crossing % CROSSINGS_PER_ORBIT)
    yield Entries(CLUSTER_SIZE, Counted.CLUSTER, None, clusters.size)
    for detector in settings.detectors:
        found = np.flatnonzero(clusters.detector == detector.id)
        hit = np.flatnonzero(frames.detector == detector.id)
        energy, occupancy = (one.format(detector.name) for one in (CLUSTER_ENERGY, CELL_OCCUPANCY))
        yield Entries(energy, Counted.CLUSTER, found, clusters.energy[found])
        yield Entries(occupancy, Counted.HIT, hit, frames.cell[hit])


class HistogramSet:
    """The histograms of some time frames, by name.

    `hits_per_tf` has an entry a TF, `hit_time` and `hit_bunch` one a hit, `cluster_size` one a
    cluster; each subdetector has `cluster_energy/<name>` and `cell_occupancy/<name>`, with an
    entry a cluster and a hit. Entries beyond an axis are counted in its flow bins.

    It is for those that look at histograms. Transformers fill those of many slices at once with
    `slice_processing`, whose results are the same.
    """

    def __init__(self, histograms: dict[str, Histogram]) -> None:
        self.histograms = histograms

    @classmethod
    def empty(cls, settings: Hits) -> Self:
        """A set without entries."""
        return cls({axis.name: _histogram(axis) for axis in layout_of(settings).axes})

    def fill(self, settings: Hits, frames: TimeFrames, clusters: Clusters) -> None:
        """Count time frames, their hits and their clusters.

        :param settings: those that the set was made with
        """
        for name, _, _, values in entries(settings, frames, clusters):
            self.histograms[name].fill(values)

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

    def to_compact(self) -> dict[str, Any]:
        """The set as JSON can hold it, in compact form."""
        layout = Layout(
            tuple(_axis(name, histogram) for name, histogram in self.histograms.items())
        )
        counts = np.concatenate([one.view(flow=True) for one in self.histograms.values()])
        index = np.flatnonzero(counts)
        return layout.compact(index.tolist(), counts[index].tolist())

    @classmethod
    def from_compact(cls, content: Mapping[str, Any]) -> Self:
        """The set that `to_compact` gave, also after it was JSON.

        :raises MalformedHistograms: not in compact form, or histograms are missing
        """
        layout, bins, values = read_compact(content)
        counts = np.zeros(layout.size, np.int64)
        counts[bins] = values
        made = {axis.name: _histogram(axis) for axis in layout.axes}
        for name, place in layout.places.items():
            made[name].view(flow=True)[:] = counts[place]
        return cls(_complete(made))

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
        if any(histogram.storage_type is not bh.storage.Int64 for histogram in made.values()):
            raise MalformedHistograms("histograms do not count integers")
        return cls(_complete(made))

    def _entries(self, name: str) -> int:
        return int(self.histograms[name].sum(flow=True))

    def _axes(self) -> dict[str, Any]:
        return {name: histogram.axes for name, histogram in self.histograms.items()}


def _histogram(axis: Axis) -> Histogram:
    regular = bh.axis.Regular(axis.bins, axis.lower, axis.upper, __dict__={"label": axis.label})
    return bh.Histogram(regular, storage=bh.storage.Int64())


def _axis(name: str, histogram: Histogram) -> Axis:
    axis = histogram.axes[0]
    return Axis(name, axis.size, axis.edges[0].item(), axis.edges[-1].item(), axis.label)


def _complete(made: dict[str, Histogram]) -> dict[str, Histogram]:
    missing = {HITS_PER_TF, HIT_TIME, CLUSTER_SIZE} - made.keys()
    if missing:
        raise MalformedHistograms(f"histograms are missing: {', '.join(sorted(missing))}")
    return made


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
