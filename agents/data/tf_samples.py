"""Files of TF samples as fast monitoring writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agents.data.files import DamagedFile, FileContent, checksum_of
from agents.data.frame_file import FrameFile, FrameReader, write
from agents.data.time_frames import COLUMNS, TimeFrames


def sample_path(folder: Path, run_id: str, filename: str) -> Path:
    """Where a TF sample of a run lies below the samples' `folder`."""
    return folder / run_id / filename


def write_sample(path: Path, frames: TimeFrames) -> FrameFile:
    """Write a TF sample. A file that holds the same time frames already stays as it is, so that
    its checksum stays too: whoever was told of it may still be reading.

    :raises VolumeFull: no room; nothing of the file is left behind
    """
    existing = _content(path)
    if existing is not None and _holds(existing, frames):
        content = existing.content
        return FrameFile(
            path, len(content), checksum_of(content), frames.tf_count, frames.hit_count
        )
    return write(path, frames)


def _content(path: Path) -> FileContent | None:
    try:
        return FileContent(path.name, path.read_bytes())
    except OSError:
        return None


def _holds(file: FileContent, frames: TimeFrames) -> bool:
    try:
        with FrameReader(file) as reader:
            existing = reader.read()
    except DamagedFile:
        return False
    return existing.tf_first == frames.tf_first and all(
        np.array_equal(getattr(existing, name), getattr(frames, name))
        for name in ("offsets", *COLUMNS)
    )
