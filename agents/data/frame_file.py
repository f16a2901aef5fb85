"""Files of time frames: ROOT, one entry a time frame, jagged hits (decision 0011).

STF files and TF samples have the same layout: a TTree `time_frames` with the branches `tf`
(uint32, the TF's number in its STF), `nhits` (int32) and, jagged by it, `hits_detector` (uint8),
`hits_cell` (uint32), `hits_time` (float32, ns since the start of the TF) and `hits_energy`
(float32, MeV).
"""

from __future__ import annotations

import io
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import uproot

from agents.data.files import DamagedFile, FileContent, WrittenFile, write_atomically
from agents.data.root_file import TreeLayout
from agents.data.time_frames import COLUMNS, TimeFrames

LAYOUT = TreeLayout("time_frames", "hits", COLUMNS)
LEAN: dict[str, Any] = {"use_threads": False, "object_cache": None, "array_cache": None}
"""Options of uproot. Without them it starts threads for each file, and caches what is read once."""

_Basket = tuple[npt.NDArray[Any], npt.NDArray[np.int64] | None]
"""Values, and for jagged ones their borders: where the values of each TF begin, and the end."""


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
    columns = {name: getattr(frames, name) for name in COLUMNS}
    return LAYOUT.encode(frames.tf_first, frames.offsets, columns)


class FrameReader:
    """Reads ranges of a file of time frames.

    The whole file is in memory, because verifying it reads all of it anyway. Only the baskets that
    hold a range are unpacked.

    A context manager: `with FrameReader(file) as reader: frames = reader.read(20, 41)`.

    :param file: the file's path, or its content when that was read already (`read_verified`)
    :raises DamagedFile: on entering: missing, or no file of time frames
    """

    def __init__(self, file: Path | FileContent) -> None:
        self.name = file.name
        self._source = file
        self._file: Any = None
        self._tree: Any = None
        self._latest: dict[str, tuple[int, _Basket]] = {}
        self.tf_first = 0
        self.tf_count = 0

    def __enter__(self) -> Self:
        try:
            content = (
                self._source.content
                if isinstance(self._source, FileContent)
                else self._source.read_bytes()
            )
            self._file = uproot.open(io.BytesIO(content), **LEAN)
            self._tree = self._file[LAYOUT.tree]
            mistyped = LAYOUT.mistyped(self._tree)
            self.tf_count = int(self._tree.num_entries)
            if self.tf_count and not mistyped:
                self.tf_first = int(self._column("tf", 0, 1)[0])
        except Exception as error:
            self.__exit__(None, None, None)
            raise self._damage(error) from error
        if mistyped:
            raise DamagedFile(f"{self.name} holds values of other types: {', '.join(mistyped)}")
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
        """How many bytes of the file have been unpacked so far."""
        return int(self._file.file.source.num_requested_bytes)

    def read(self, tf_first: int | None = None, tf_last: int | None = None) -> TimeFrames:
        """TFs `tf_first` to `tf_last`, both included, by their numbers in the STF; all of them by
        default. Of each branch the last basket is kept, as the next range often begins in it.

        :raises DamagedFile: the file does not hold them, or cannot be read
        """
        first = self.tf_first if tf_first is None else tf_first
        last = self.tf_last if tf_last is None else tf_last
        if not self.tf_first <= first <= last + 1 <= self.tf_last + 1:
            raise DamagedFile(
                f"{self.name} holds TFs {self.tf_first} to {self.tf_last}, "
                f"asked for were {first} to {last}"
            )
        start, stop = first - self.tf_first, last - self.tf_first + 1
        try:
            columns = {name: self._column(name, start, stop) for name in LAYOUT.branches}
        except Exception as error:
            raise self._damage(error) from error
        numbers, counts = columns.pop("tf"), columns.pop("nhits")
        hits = {name: columns[f"hits_{name}"] for name in COLUMNS}
        offsets = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        if len(numbers) != last + 1 - first or (numbers != np.arange(first, last + 1)).any():
            raise DamagedFile(f"{self.name} does not hold consecutive TFs")
        if (counts < 0).any() or {len(column) for column in hits.values()} != {int(offsets[-1])}:
            raise DamagedFile(f"{self.name} holds hits without all their values")
        return TimeFrames(first, offsets, **hits)

    def _column(self, name: str, start: int, stop: int) -> npt.NDArray[Any]:
        """Entries of a branch, jagged ones without their borders, in the machine's byte order."""
        kind = LAYOUT.branches[name]
        firsts = self._tree[name].entry_offsets
        parts: list[npt.NDArray[Any]] = [np.empty(0, kind)]
        for number in range(bisect_right(firsts, start) - 1, len(firsts) - 1):
            first, end = firsts[number], firsts[number + 1]
            if first >= stop:
                break
            values, borders = self._basket(name, number)
            begin, end = max(start, first) - first, min(stop, end) - first
            if borders is not None:
                begin, end = int(borders[begin]), int(borders[end])
            parts.append(values[begin:end])
        return np.concatenate(parts, dtype=kind)

    def _basket(self, name: str, number: int) -> _Basket:
        """A basket of a branch. ROOT stores numbers big-endian, and so they are here."""
        latest = self._latest.get(name)
        if latest is None or latest[0] != number:
            basket, kind = self._tree[name].basket(number), np.dtype(LAYOUT.branches[name])
            borders = basket.byte_offsets
            values = basket.data.view(kind.newbyteorder(">"))
            latest = number, (values, None if borders is None else borders // kind.itemsize)
            self._latest[name] = latest
        return latest[1]

    def _damage(self, error: Exception) -> DamagedFile:
        """uproot meets damage with whatever exception its parts happen to raise."""
        if isinstance(error, FileNotFoundError):
            return DamagedFile(f"{self.name} is missing")
        if isinstance(error, OSError) and error.strerror:
            return DamagedFile(f"{self.name} cannot be read: {error.strerror}")
        return DamagedFile(f"{self.name} is no file of time frames: {type(error).__name__}")
