"""Files: whole or not there, of true size and checksum, and damage that is found."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.data.files import (
    DamagedFile,
    FileContent,
    VolumeFull,
    WrittenFile,
    checksum_of,
    locate,
    read_verified,
    verify,
    write_atomically,
)

CONTENT = bytes(range(256)) * 4


def written(folder: Path) -> WrittenFile:
    return write_atomically(folder / "100010" / "file.stf", CONTENT)


def test_what_is_written_is_what_is_announced(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert file.path.read_bytes() == CONTENT
    assert (file.size_bytes, file.checksum) == (len(CONTENT), checksum_of(CONTENT))
    verify(file.path, file.size_bytes, file.checksum)


def test_a_checksum_says_how_it_was_made() -> None:
    # sha256 of nothing, from FIPS 180-4's test values
    assert checksum_of(b"") == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def in_its_place_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda path: path.unlink(), "cannot be read: No such file or directory"),
    "a folder": (in_its_place_a_folder, "cannot be read: Is a directory"),
    "cut": (lambda path: path.write_bytes(CONTENT[:-1]), "has 1023 bytes, announced were 1024"),
    "longer": (lambda path: path.write_bytes(CONTENT + b"\0"), "has 1025 bytes"),
    "empty": (lambda path: path.write_bytes(b""), "has 0 bytes"),
    "another": (lambda path: path.write_bytes(b"x" * 1024), "has checksum sha256:"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(tmp_path: Path, damage: str) -> None:
    file = written(tmp_path)
    harm, part = DAMAGES[damage]
    harm(file.path)
    with pytest.raises(DamagedFile) as caught:
        verify(file.path, file.size_bytes, file.checksum)
    assert part in str(caught.value)
    assert file.path.name in str(caught.value)
    with pytest.raises(DamagedFile, match=re.escape(str(caught.value))):
        read_verified((f"file://{file.path}", file.size_bytes, file.checksum), tmp_path)


def test_a_file_is_verified_and_read_at_once(tmp_path: Path) -> None:
    file = written(tmp_path)
    announced = (f"file://{file.path}", file.size_bytes, file.checksum)
    assert read_verified(announced, tmp_path) == FileContent(file.path.name, CONTENT)
    with pytest.raises(DamagedFile, match="without a file"):
        read_verified(None, tmp_path)


@given(place=st.integers(0, len(CONTENT) - 1), bit=st.integers(0, 7))
def test_a_single_changed_bit_is_found(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    file = written(tmp_path_factory.getbasetemp() / "bits")
    content = bytearray(CONTENT)
    content[place] ^= 1 << bit
    file.path.write_bytes(content)
    with pytest.raises(DamagedFile, match="checksum"):
        verify(file.path, file.size_bytes, file.checksum)


def test_readers_see_a_whole_file_or_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_atomically(path, b"first")
    with path.open("rb") as reader:
        write_atomically(path, b"second")
        assert reader.read() == b"first"
    assert path.read_bytes() == b"second"
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_writers_of_the_same_file_do_not_mix(tmp_path: Path) -> None:
    contents = [bytes([number]) * 300_000 for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda content: write_atomically(tmp_path / "f", content), contents))
    assert {file.checksum for file in files} == {checksum_of(content) for content in contents}
    assert (tmp_path / "f").read_bytes() in contents
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_volume_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(
        VolumeFull, match=r"file.stf \(1024 bytes\) could not be written to"
    ) as full:
        written(tmp_path)
    assert "file.stf (1024 bytes)" in str(full.value)
    assert os.strerror(number) in str(full.value)
    assert list((tmp_path / "100010").iterdir()) == []


def test_another_failure_to_write_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "100010").write_bytes(b"a file where the folder should be")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        written(tmp_path)


def test_a_url_leads_to_a_file_of_the_data_folder_or_nowhere(tmp_path: Path) -> None:
    inside = tmp_path / "daq" / "100010" / "file.stf"
    assert locate(f"file://{inside}", tmp_path) == inside
    for url in ("file:///etc/passwd", f"file://{tmp_path}/../other", "https://example.org/file"):
        with pytest.raises(DamagedFile, match="lies outside of"):
            locate(url, tmp_path)
