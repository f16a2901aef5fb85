"""STF files: true sizes and checksums, and damage that is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import stf_file
from agents.stf_file import DamagedFile, StfFile


def written(folder: Path, run_id: str = "100010", sequence: int = 1, tf_count: int = 4) -> StfFile:
    return stf_file.write(folder, run_id, sequence, tf_count)


def test_a_file_is_named_after_run_and_sequence(tmp_path: Path) -> None:
    path = written(tmp_path, sequence=7).path
    assert path == tmp_path / "100010" / "swf.100010.000007.stf"


def test_what_is_announced_is_what_is_read(tmp_path: Path) -> None:
    file = written(tmp_path)
    content = stf_file.read(file.path, file.size_bytes, file.checksum)
    assert len(content) == file.size_bytes == file.path.stat().st_size
    assert stf_file.checksum_of(content) == file.checksum


@pytest.mark.parametrize("tf_count", [0, 1, 10, 1000])
def test_there_is_one_record_for_each_time_frame(tmp_path: Path, tf_count: int) -> None:
    frames = stf_file.time_frames(written(tmp_path, tf_count=tf_count).path.read_bytes())
    assert len(frames) == tf_count
    assert {len(frame) for frame in frames} <= {stf_file.TF_RECORD_BYTES}


def test_a_file_can_be_made_again_exactly(tmp_path: Path) -> None:
    assert written(tmp_path / "one").checksum == written(tmp_path / "two").checksum


def test_every_file_of_a_run_is_another_one(tmp_path: Path) -> None:
    files = [written(tmp_path, run, sequence) for run in ("1", "2") for sequence in (1, 2)]
    assert len({file.checksum for file in files}) == 4


def in_its_place_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda path: path.unlink(), "cannot be read: No such file or directory"),
    "a folder": (in_its_place_a_folder, "cannot be read: Is a directory"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, announced were"),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "bytes, announced were"),
    "empty": (lambda path: path.write_bytes(b""), "has 0 bytes"),
    "another": (lambda path: path.write_bytes(b"x" * path.stat().st_size), "has checksum sha256:"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(tmp_path: Path, damage: str) -> None:
    file = written(tmp_path)
    harm, part = DAMAGES[damage]
    harm(file.path)
    with pytest.raises(DamagedFile) as caught:
        stf_file.read(file.path, file.size_bytes, file.checksum)
    assert part in str(caught.value)
    assert file.path.name in str(caught.value)


@given(st.data())
def test_a_single_changed_bit_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = written(tmp_path_factory.getbasetemp() / "bits")
    content = bytearray(file.path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    file.path.write_bytes(content)
    with pytest.raises(DamagedFile, match="checksum"):
        stf_file.read(file.path, file.size_bytes, file.checksum)


def test_readers_see_a_whole_file_or_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    stf_file.write_atomically(path, b"first")
    with path.open("rb") as reader:
        stf_file.write_atomically(path, b"second")
        assert reader.read() == b"first"
    assert path.read_bytes() == b"second"
    assert [file.name for file in path.parent.iterdir()] == ["file"]
