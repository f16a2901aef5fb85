"""Files of TF samples: written once, however often."""

from __future__ import annotations

from pathlib import Path

from agents.data.frame_file import FrameReader
from agents.data.tf_samples import sample_path, write_sample
from tests.unit.data.frames import same, stf

FRAMES = stf(30).select(5, 9)


def test_a_sample_holds_its_time_frames(tmp_path: Path) -> None:
    path = sample_path(tmp_path, "100010", "one.tf")
    written = write_sample(path, FRAMES)
    with FrameReader(path) as reader:
        assert same(reader.read(), FRAMES)
    assert (written.path, written.size_bytes) == (path, path.stat().st_size)


def test_a_sample_that_is_written_again_keeps_its_file_and_checksum(tmp_path: Path) -> None:
    path = sample_path(tmp_path, "100010", "one.tf")
    first = write_sample(path, FRAMES)
    before = path.stat()
    assert write_sample(path, FRAMES) == first
    assert path.stat().st_ino == before.st_ino


def test_a_file_that_holds_something_else_is_replaced(tmp_path: Path) -> None:
    path = sample_path(tmp_path, "100010", "one.tf")
    for other in (stf(30).select(6, 10), stf(30, sequence=2).select(5, 9)):
        write_sample(path, other)
        write_sample(path, FRAMES)
        with FrameReader(path) as reader:
            assert same(reader.read(), FRAMES)
    path.write_bytes(b"no time frames")
    write_sample(path, FRAMES)
    with FrameReader(path) as reader:
        assert same(reader.read(), FRAMES)
