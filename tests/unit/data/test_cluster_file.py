"""Files of clusters: what was found in an STF, as anybody with uproot reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import uproot

from agents.data.cluster_file import COLUMNS, output_path, reconstruct
from agents.data.clustering import find_clusters
from agents.data.files import verify
from swf_common.configuration.groups import Clustering
from tests.unit.data.frames import frames_of, stf

SETTINGS = Clustering(cluster_time_window_ns=20)


def test_an_output_is_named_after_its_stf(tmp_path: Path) -> None:
    path = output_path(tmp_path, "100010", "swf.100010.000007.stf")
    assert path == tmp_path / "100010" / "swf.100010.000007.rec.root"


@pytest.mark.parametrize("tf_count", [0, 1, 60])
def test_the_clusters_of_each_time_frame_are_in_its_entry(tmp_path: Path, tf_count: int) -> None:
    frames = stf(tf_count, 30)
    expected = find_clusters(frames, SETTINGS)
    file = reconstruct(tmp_path / "out.root", frames, SETTINGS)
    verify(file.path, file.size_bytes, file.checksum)
    with uproot.open(file.path) as root:
        tree = root["clusters"]
        assert tree["tf"].array(library="np").tolist() == list(range(tf_count))
        counts = tree["nclusters"].array(library="np")
        per_tf = np.bincount(expected.tf, minlength=tf_count)[:tf_count]
        assert counts.tolist() == per_tf.tolist()
        for name, kind in COLUMNS.items():
            found = tree[f"clusters_{name}"].array().tolist()
            flat = [value for entry in found for value in entry]
            assert flat == getattr(expected, name).astype(kind).tolist(), name


def test_the_file_names_the_time_window_and_holds_the_counts_that_are_returned(
    tmp_path: Path,
) -> None:
    frames = stf(10, 30)
    file = reconstruct(tmp_path / "out.root", frames, SETTINGS)
    with uproot.open(file.path) as root:
        tree = root["clusters"]
        assert tree.title == "cluster_time_window_ns = 20.0"
        counts = tree["nclusters"].array(library="np")
        sizes = sum(map(sum, tree["clusters_size"].array().tolist()))
    assert (file.tf_count, file.hit_count, file.cluster_count) == (10, sizes, counts.sum())
    assert (sizes, counts.sum()) == (frames.hit_count, find_clusters(frames, SETTINGS).count)


def test_time_frames_without_a_cluster_have_an_entry(tmp_path: Path) -> None:
    frames = frames_of([(11, 1, 5, 2.0, 0.5)], tf_count=3, tf_first=10)
    file = reconstruct(tmp_path / "out.root", frames, SETTINGS)
    with uproot.open(file.path) as root:
        assert root["clusters"]["tf"].array(library="np").tolist() == [10, 11, 12]
        assert root["clusters"]["nclusters"].array(library="np").tolist() == [0, 1, 0]
