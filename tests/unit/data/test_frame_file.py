"""Files of time frames: what is written is read, of the file only what is asked for."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.data.files import DamagedFile, FileContent, verify
from agents.data.frame_file import LAYOUT, FrameFile, FrameReader, encode, write
from agents.data.root_file import TFS_PER_BASKET
from agents.data.stf import stf_path, write_stf
from agents.data.time_frames import COLUMNS, TimeFrames
from swf_common.configuration.groups import StfContent
from tests.unit.data.frames import frames_of, same, stf

SMALL = StfContent(tf_count=6, mean_hits_per_tf=20)
LARGE = stf(4 * TFS_PER_BASKET, 10)


def test_an_stf_is_named_after_run_and_sequence(tmp_path: Path) -> None:
    path = write_stf(tmp_path, "100010", 7, SMALL).path
    assert path == stf_path(tmp_path, "100010", 7)
    assert path == tmp_path / "100010" / "swf.100010.000007.stf"


@pytest.mark.parametrize("tf_count", [0, 1, TFS_PER_BASKET - 1, TFS_PER_BASKET, TFS_PER_BASKET + 1])
def test_what_is_written_is_what_is_read(tmp_path: Path, tf_count: int) -> None:
    frames = stf(tf_count, 8)
    file = write(tmp_path / "file.stf", frames)
    assert file.size_bytes == file.path.stat().st_size
    assert (file.tf_count, file.hit_count) == (tf_count, frames.hit_count)
    verify(file.path, file.size_bytes, file.checksum)
    with FrameReader(file.path) as reader:
        assert (reader.tf_count, reader.tf_last) == (tf_count, tf_count - 1)
        assert same(reader.read(), frames)


def test_frames_without_hits_are_frames(tmp_path: Path) -> None:
    frames = frames_of([(11, 1, 5, 2.0, 0.5)], tf_count=3, tf_first=10)
    file = write(tmp_path / "file.tf", frames)
    with FrameReader(file.path) as reader:
        assert same(reader.read(), frames)
        assert same(reader.read(12, 12), frames_of([], tf_count=1, tf_first=12))


def test_the_same_stf_gives_a_file_of_the_same_content_and_size(tmp_path: Path) -> None:
    one = write_stf(tmp_path / "one", "100010", 1, SMALL)
    two = write_stf(tmp_path / "two", "100010", 1, SMALL)
    assert one.size_bytes == two.size_bytes
    with FrameReader(one.path) as first, FrameReader(two.path) as second:
        assert same(first.read(), second.read())


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> FrameFile:
    """A file of several baskets."""
    return write(tmp_path_factory.mktemp("large") / "file.stf", LARGE)


@given(st.data())
@settings(max_examples=25)
def test_any_ranges_are_read_as_they_were_written(large: FrameFile, data: st.DataObject) -> None:
    with FrameReader(large.path) as reader:
        for _ in range(3):
            first = data.draw(st.integers(0, LARGE.tf_last))
            last = data.draw(st.integers(first, LARGE.tf_last))
            assert same(reader.read(first, last), LARGE.select(first, last))


def test_only_the_baskets_that_hold_a_range_are_read_and_those_once(large: FrameFile) -> None:
    with FrameReader(large.path) as reader:
        opened = reader.bytes_read
        reader.read(TFS_PER_BASKET, 2 * TFS_PER_BASKET - 1)
        one_basket = reader.bytes_read - opened
        reader.read(TFS_PER_BASKET + 20, TFS_PER_BASKET + 40)
        assert reader.bytes_read == opened + one_basket
        reader.read(3 * TFS_PER_BASKET + 20, 3 * TFS_PER_BASKET + 40)
        inside_another = reader.bytes_read - opened - one_basket
    assert one_basket < 1.3 * large.size_bytes * TFS_PER_BASKET / LARGE.tf_count
    assert inside_another == pytest.approx(one_basket, rel=0.2)


def test_a_file_that_was_read_already_is_not_read_again(large: FrameFile) -> None:
    content = FileContent("file.stf", large.path.read_bytes())
    with FrameReader(content) as reader:
        assert same(reader.read(437, 457), LARGE.select(437, 457))
    with pytest.raises(DamagedFile, match=r"cut\.stf is no file of time frames"):
        FrameReader(FileContent("cut.stf", content.content[:300])).__enter__()


def test_files_with_other_baskets_are_read_too(tmp_path: Path) -> None:
    frames = stf(180, 8)
    path = tmp_path / "file.stf"
    with uproot.recreate(path, compression=uproot.LZ4(1)) as file:
        tree = file.mktree(LAYOUT.tree, {"tf": "uint32", "hits": jagged(frames.select(0, -1)).type})
        for first in range(0, 180, 50):
            part = frames.select(first, min(first + 49, 179))
            numbers = np.arange(part.tf_first, part.tf_last + 1)
            tree.extend({"tf": numbers, "hits": jagged(part)})
    with FrameReader(path) as reader:
        assert same(reader.read(), frames)
        assert same(reader.read(49, 120), frames.select(49, 120))


def test_a_file_with_values_of_other_types_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "file.stf"
    hits = jagged(stf(5, 8))
    hits["time"] = ak.values_astype(hits["time"], np.float64)
    with uproot.recreate(path) as file:
        file.mktree(LAYOUT.tree, {"tf": "uint32", "hits": hits.type})
    with pytest.raises(DamagedFile, match=r"file\.stf holds values of other types: hits_time"):
        FrameReader(path).__enter__()


def jagged(frames: TimeFrames) -> ak.Array:
    """The hits of time frames as uproot's users write them."""
    hits = ak.zip({name: getattr(frames, name) for name in COLUMNS})
    return ak.unflatten(hits, frames.hits_per_tf)


def test_a_sample_keeps_the_numbers_that_its_frames_have_in_the_stf(
    tmp_path: Path, large: FrameFile
) -> None:
    with FrameReader(large.path) as reader:
        block = reader.read(437, 457)
    sample = write(tmp_path / "sample.tf", block)
    with FrameReader(sample.path) as reader:
        assert (reader.tf_first, reader.tf_last, reader.tf_count) == (437, 457, 21)
        assert same(reader.read(440, 441), block.select(440, 441))


@pytest.mark.parametrize(("first", "last"), [(436, 440), (450, 458), (0, 1), (450, 440)])
def test_frames_that_a_file_does_not_hold_are_refused(
    tmp_path: Path, first: int, last: int
) -> None:
    sample = write(tmp_path / "sample.tf", stf(1000, 1).select(437, 457))
    with (
        FrameReader(sample.path) as reader,
        pytest.raises(DamagedFile, match=r"sample\.tf holds TFs 437 to 457, asked for were"),
    ):
        reader.read(first, last)


def test_any_root_program_can_read_a_file(tmp_path: Path) -> None:
    frames = stf(60, 10)
    file = write(tmp_path / "file.stf", frames)
    with uproot.open(file.path) as root:
        tree = root[LAYOUT.tree]
        assert tree.keys() == ["tf", "nhits", *(f"hits_{name}" for name in COLUMNS)]
        assert np.array_equal(tree["tf"].array(library="np"), np.arange(60))
        assert np.array_equal(tree["nhits"].array(library="np"), frames.hits_per_tf)


def test_what_is_no_file_of_time_frames_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "file.stf"
    with pytest.raises(DamagedFile, match=r"file\.stf is missing"):
        FrameReader(path).__enter__()
    for content in (b"", b"root", b"something else " * 100):
        path.write_bytes(content)
        with pytest.raises(DamagedFile, match=r"file\.stf is no file of time frames"):
            FrameReader(path).__enter__()


INTACT = encode(stf(60, 5))


@given(cut=st.integers(0, len(INTACT) - 1))
@settings(max_examples=30)
def test_a_cut_file_is_damaged_or_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.stf"
    path.write_bytes(INTACT[:cut])
    try:
        with FrameReader(path) as reader:
            frames = reader.read()
    except DamagedFile:
        return
    assert same(frames, stf(60, 5))
