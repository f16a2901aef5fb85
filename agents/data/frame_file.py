"""Files of time frames: ROOT, one entry a time frame, jagged hits (decision 0011).

STF files and TF samples have the same layout: a TTree `time_frames` with the branches `tf`
(uint32, the TF's number in its STF), `nhits` (int32) and, jagged by it, `hits_detector` (uint8),
`hits_cell` (uint32), `hits_time` (float32, ns since the start of the TF) and `hits_energy`
(float32, MeV).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import awkward as ak
import numpy as np
import numpy.typing as npt
import uproot

from agents.data.files import DamagedFile, WrittenFile, write_atomically
from agents.data.root_file import COMPRESSION, Buffer, jagged
from agents.data.time_frames import COLUMNS, TimeFrames

TREE = "time_frames"
TFS_PER_BASKET = 50
"""What is read of a file comes in baskets of so many TFs."""


@dataclass(frozen=True)
class FrameFile(WrittenFile):
    """A written file of time frames: what is announced of it."""

    tf_count: int
    hit_count: int


def write(path: Path, frames: TimeFrames) -> FrameFile:
    """Write time frames atomically. Equal frames give files of equal content and size; their
    checksums differ, because ROOT stamps each record with its time.

    :raises VolumeFull: no room; nothing of the file is left behind
    """
    written = write_atomically(path, encode(frames))
    return FrameFile(
        written.path, written.size_bytes, written.checksum, frames.tf_count, frames.hit_count
    )


def encode(frames: TimeFrames) -> bytes:
    """The bytes of a file of time frames."""
    buffer = Buffer()
    with uproot.recreate(buffer, compression=COMPRESSION) as file:
        hits = _hits(frames.select(frames.tf_first, frames.tf_first - 1))
        tree = file.mktree(
            TREE,
            {"tf": "uint32", "hits": hits.type.content},
            initial_basket_capacity=2 + frames.tf_count // TFS_PER_BASKET,
        )
        for first in range(frames.tf_first, frames.tf_last + 1, TFS_PER_BASKET):
            part = frames.select(first, min(first + TFS_PER_BASKET - 1, frames.tf_last))
            numbers = np.arange(part.tf_first, part.tf_last + 1, dtype=np.uint32)
            tree.extend({"tf": numbers, "hits": _hits(part)})
    return buffer.content


class FrameReader:
    """Reads ranges of a file of time frames; of the file only what holds them is read.

    A context manager: `with FrameReader(path) as reader: frames = reader.read(20, 41)`.

    :raises DamagedFile: on entering: missing, or no file of time frames
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None
        self._tree: Any = None
        self.tf_first = 0
        self.tf_count = 0

    def __enter__(self) -> Self:
        try:
            self._file = uproot.open(self._path, handler=uproot.MultithreadedFileSource)
            self._tree = self._file[TREE]
            self.tf_count = int(self._tree.num_entries)
            if self.tf_count:
                self.tf_first = int(self._tree["tf"].array(entry_stop=1, library="np")[0])
        except Exception as error:
            self.__exit__(None, None, None)
            raise self._damage(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def tf_last(self) -> int:
        """Number in its STF of the file's last TF; one before `tf_first` when there is none."""
        return self.tf_first + self.tf_count - 1

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file have been read so far."""
        return int(self._file.file.source.num_requested_bytes)

    def read(self, tf_first: int | None = None, tf_last: int | None = None) -> TimeFrames:
        """TFs `tf_first` to `tf_last`, both included, by their numbers in the STF; all of them by
        default.

        :raises DamagedFile: the file does not hold them, or cannot be read
        """
        first = self.tf_first if tf_first is None else tf_first
        last = self.tf_last if tf_last is None else tf_last
        if not self.tf_first <= first <= last + 1 <= self.tf_last + 1:
            raise DamagedFile(
                f"{self._path.name} holds TFs {self.tf_first} to {self.tf_last}, "
                f"asked for were {first} to {last}"
            )
        start, stop = first - self.tf_first, last - self.tf_first + 1
        try:
            numbers, counts = (self._column(name, start, stop) for name in ("tf", "nhits"))
            hits = {name: self._column(f"hits_{name}", start, stop) for name in COLUMNS}
        except Exception as error:
            raise self._damage(error) from error
        offsets = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        if len(numbers) != last + 1 - first or (numbers != np.arange(first, last + 1)).any():
            raise DamagedFile(f"{self._path.name} does not hold consecutive TFs")
        if {len(column) for column in hits.values()} != {int(offsets[-1])}:
            raise DamagedFile(f"{self._path.name} holds hits without all their values")
        return TimeFrames(first, offsets, **hits)

    def _column(self, branch: str, start: int, stop: int) -> npt.NDArray[Any]:
        """Entries of a branch, jagged ones without their borders, in the machine's byte order."""
        column = self._tree[branch].array(entry_start=start, entry_stop=stop)
        values: npt.NDArray[Any] = ak.to_numpy(ak.flatten(column, axis=None))
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def _damage(self, error: Exception) -> DamagedFile:
        """uproot meets damage with whatever exception its parts happen to raise."""
        if isinstance(error, FileNotFoundError):  # uproot's has a text, but no number
            return DamagedFile(f"{self._path.name} is missing")
        if isinstance(error, OSError) and error.strerror:
            return DamagedFile(f"{self._path.name} cannot be read: {error.strerror}")
        return DamagedFile(f"{self._path.name} is no file of time frames: {type(error).__name__}")


def _hits(frames: TimeFrames) -> ak.Array:
    """The hits as a jagged array of records; one inner array a TF."""
    columns = {
        name: getattr(frames, name).astype(kind, copy=False) for name, kind in COLUMNS.items()
    }
    return jagged(columns, frames.offsets)
