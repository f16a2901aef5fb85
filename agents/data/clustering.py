"""Clusters: hits in neighbouring cells of one subdetector, close in time.

The hits of a TF in a subdetector are one group at first. Groups are cut, in turns, wherever two
hits that follow each other in time are further apart than the window, and wherever two that
follow each other by cell leave a cell between them; until no cut is left to make. What remains are
the clusters. Several hits of one cell may be in one cluster.

Hits are sorted once by time and once by cell: n hits cost O(n log n). Each pass then sorts them by
group twice. That is O(n) while the groups' numbers fit into 16 bits, because numpy sorts these by
radix. Two passes are usual, three are rare. There is no loop over hits. The clusters of a TF depend
on its hits alone, so slices can be clustered separately.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.data.time_frames import TimeFrames
from swf_common.configuration.groups import Clustering

LEAST_WEIGHT = 2.0**-20
"""MeV; hits without energy weigh so much, lest a cluster of them has no position."""

TFS_AT_A_TIME = 64
"""Few enough that their hits usually stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters in the order of their TFs, and within a TF of their subdetectors' ids.

    All columns have one entry a cluster.

    :param tf: int64, number of the TF in its STF
    :param detector: uint8, id of the subdetector
    :param size: int64, number of hits
    :param energy: float64, MeV, sum over the hits
    :param time: float64, nanoseconds since the start of the TF, weighted with energy
    :param cell: float64, position in cells, weighted with energy
    """

    tf: npt.NDArray[np.int64]
    detector: npt.NDArray[np.uint8]
    size: npt.NDArray[np.int64]
    energy: npt.NDArray[np.float64]
    time: npt.NDArray[np.float64]
    cell: npt.NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return len(self.tf)


def find_clusters(frames: TimeFrames, settings: Clustering) -> Clusters:
    """The clusters of time frames; every hit is in exactly one."""
    parts = [
        _find(frames.select(first, min(first + TFS_AT_A_TIME - 1, frames.tf_last)), settings)
        for first in range(frames.tf_first, frames.tf_last + 1, TFS_AT_A_TIME)
    ] or [_find(frames, settings)]
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(Clusters)]
    return Clusters(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


def _find(frames: TimeFrames, settings: Clustering) -> Clusters:
    tf, detector = frames.tf, frames.detector
    cell = frames.cell.astype(np.int64)
    time = frames.time.astype(np.float64)
    by_time = np.argsort(time, kind="stable")
    by_cell = np.argsort(cell, kind="stable")
    label = (tf - frames.tf_first) * 256 + detector
    count, before = TFS_AT_A_TIME * 256, -1
    while count != before:
        before = count
        label, count = _cut(label, count, by_time, time, settings.cluster_time_window_ns)
        label, count = _cut(label, count, by_cell, cell, 1)
    energy = frames.energy.astype(np.float64)
    weight = np.maximum(energy, LEAST_WEIGHT)
    total = np.bincount(label, weight)
    member = np.zeros(count, dtype=np.int64)
    member[label] = np.arange(len(label))
    return Clusters(
        tf=tf[member],
        detector=detector[member],
        size=np.bincount(label, minlength=count),
        energy=np.bincount(label, energy).astype(np.float64, copy=False),
        time=np.bincount(label, weight * time) / total,
        cell=np.bincount(label, weight * cell) / total,
    )


def _cut(
    label: npt.NDArray[np.int64],
    count: int,
    by_value: npt.NDArray[np.int64],
    value: npt.NDArray[Any],
    largest_step: float,
) -> tuple[npt.NDArray[np.int64], int]:
    """Split groups wherever their sorted values make a larger step; new labels, and how many.

    The new labels count from 0, in the order of the old ones and of the values.

    :param label: the group of each hit
    :param count: larger than any label
    :param by_value: the indices that sort the hits by value
    """
    group = label.astype(np.uint16) if count <= 2**16 else label
    order = by_value[np.argsort(group[by_value], kind="stable")]
    new = np.diff(label[order]) != 0
    new |= np.diff(value[order]) > largest_step
    fresh = np.empty_like(label)
    fresh[order] = np.concatenate(([0], np.cumsum(new)))[: len(label)]
    return fresh, int(new.sum()) + 1 if len(label) else 0
