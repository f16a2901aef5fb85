"""Files of clusters: ROOT, what processing makes of an STF.

The TTree `clusters` has one entry a TF, as files of time frames have: `tf` (uint32, the TF's
number in its STF), `nclusters` (int32) and, jagged by it, `clusters_detector` (uint8),
`clusters_size` (int32, hits), `clusters_energy` (float32, MeV), `clusters_time` (float32, ns since
the start of the TF) and `clusters_cell` (float32). Each hit is in one cluster, so the sizes add up
to the number of hits. The tree's title says how clusters were found:
`cluster_time_window_ns = <number>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from agents.data.clustering import Clusters, find_clusters
from agents.data.files import WrittenFile, write_atomically
from agents.data.root_file import TreeLayout
from agents.data.time_frames import TimeFrames
from swf_common.configuration.groups import Clustering

COLUMNS: dict[str, type[np.number[Any]]] = {
    "detector": np.uint8,
    "size": np.int32,
    "energy": np.float32,
    "time": np.float32,
    "cell": np.float32,
}
"""Columns of the clusters, and how each is stored."""
LAYOUT = TreeLayout("clusters", "clusters", COLUMNS)


@dataclass(frozen=True)
class ClusterFile(WrittenFile):
    """A written file of clusters, and what is in it."""

    tf_count: int
    hit_count: int
    cluster_count: int


def output_path(folder: Path, run_id: str, stf_filename: str) -> Path:
    """Where the output of an STF lies below the outputs' `folder`."""
    return folder / run_id / f"{PurePath(stf_filename).stem}.rec.root"


def reconstruct(path: Path, frames: TimeFrames, settings: Clustering) -> ClusterFile:
    """Find the clusters of time frames, and write them atomically.

    :raises VolumeFull: no room; nothing of the file is left behind
    """
    clusters = find_clusters(frames, settings)
    written = write_atomically(path, encode(frames, clusters, settings))
    return ClusterFile(
        written.path,
        written.size_bytes,
        written.checksum,
        frames.tf_count,
        frames.hit_count,
        clusters.count,
    )


def encode(frames: TimeFrames, clusters: Clusters, settings: Clustering) -> bytes:
    """The bytes of a file with the clusters of time frames."""
    numbers = np.arange(frames.tf_first, frames.tf_last + 1)
    # clusters come in the order of their TFs
    offsets = np.searchsorted(clusters.tf, np.append(numbers, frames.tf_last + 1))
    columns = {name: getattr(clusters, name) for name in COLUMNS}
    title = f"cluster_time_window_ns = {settings.cluster_time_window_ns}"
    return LAYOUT.encode(frames.tf_first, offsets, columns, title)
