"""A volume of files of runs that is kept below a limit, without a file that is needed being lost.

Files lie at `<volume>/<run>/<name>`, and their names begin with their STF's: all files of one STF
are needed, or none is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from agents.data.files import VolumeFull

MEGABYTE = 1_000_000
HIGH_WATERMARK = 0.9
"""Part of the limit at which room is made."""
LOW_WATERMARK = 0.8
"""Part of the limit down to which room is made, so that it is made seldom."""
SCAN_INTERVAL_S = 5.0
"""Seconds for which what was seen of a volume holds, as long as nothing has to be removed."""
MAX_NEEDED_IN_A_ROW = 20
"""STFs in a row that are needed, after which a volume below its limit is left as it is."""
MOST_ASKED = 1000
"""STFs that one question is about."""

STF_PART = re.compile(r"\.?(swf\.\d+\.\d+)[._]")
"""The stem of its STF's name, with which a file's name begins; an unfinished file's after a dot."""

Needed = Callable[[Sequence[tuple[str, str]]], list[bool]]
"""Whether files of STFs, each given by its run's id and its file name, are needed; raises
`ConnectionError` when nobody can say at the moment."""


_Age = tuple[int, int, str]


@dataclass(frozen=True)
class _File:
    run_id: str
    stf_filename: str
    path: Path
    size_bytes: int

    def age(self) -> _Age:
        """What sorts files from the oldest STF to the newest."""
        return int(self.run_id), len(self.stf_filename), self.stf_filename


class Volume:
    """A folder with a limit; one writer's view of it, for one thread.

    :param folder: the volume
    :param needed: see `Needed`
    """

    def __init__(
        self, folder: Path, needed: Needed, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self._needed = needed
        self._clock = clock
        self._used = 0
        self._scanned_at: float | None = None
        self._full = ""
        self._resume_after: _Age | None = None

    def make_room(self, limit_mb: float) -> None:
        """Before a file is written: remove the oldest files that nobody needs, if the volume is
        nearly full. The volume may grow beyond the limit by what is written before the next call.

        :param limit_mb: millions of bytes; 0: no limit, nothing is removed
        :raises VolumeFull: more than the limit is used, by files that are needed
        """
        limit = limit_mb * MEGABYTE
        fresh = self._scanned_at is not None and self._clock() - self._scanned_at < SCAN_INTERVAL_S
        if fresh and self._full:
            raise VolumeFull(self._full)
        if not limit or (fresh and self._used <= limit):
            return
        self._full = ""
        listed = sorted(self._scan(), key=_File.age)
        self._used = sum(file.size_bytes for file in listed)
        why = "its files are needed"
        if self._used > HIGH_WATERMARK * limit:
            try:
                self._evict(listed, limit)
            except ConnectionError as error:
                why = f"nobody can say which files are needed ({error})"
        self._scanned_at = self._clock()  # asking takes its time
        if self._used > limit:
            self._full = (
                f"{self.folder} holds {self._used / MEGABYTE:.0f} MB, its limit is "
                f"{limit_mb:g} MB, and {why}. Let the agents work off what waits for them, allow "
                f"more in [retention], or remove all with: testbed down --volumes"
            )
            raise VolumeFull(self._full)

    def wrote(self, size_bytes: int) -> None:
        """A file was written."""
        self._used += size_bytes

    def forget(self) -> None:
        """What is needed has changed: the next call looks again."""
        self._scanned_at = None

    def _evict(self, listed: list[_File], limit: float) -> None:
        """Remove what is not needed, down to the goal. Below the limit it gives up after a few
        needed STFs in a row; the next call goes on behind them, so that old files which stay needed
        do not hide those that could go.
        """
        stfs = [list(files) for _, files in groupby(listed, _File.age)]
        behind = [
            files for files in stfs if self._resume_after and files[0].age() > self._resume_after
        ]
        in_a_row = 0
        for files, needed in self._judged([*behind, *stfs[: len(stfs) - len(behind)]], limit):
            if needed:
                in_a_row += 1
                if in_a_row >= MAX_NEEDED_IN_A_ROW and self._used <= limit:
                    self._resume_after = files[0].age()
                    return
                continue
            in_a_row = 0
            for file in files:
                file.path.unlink(missing_ok=True)
                self._used -= file.size_bytes
                with suppress(OSError):  # not empty, or another writer removed it
                    file.path.parent.rmdir()
            if self._used <= LOW_WATERMARK * limit:
                break
        self._resume_after = None

    def _judged(self, stfs: list[list[_File]], limit: float) -> Iterator[tuple[list[_File], bool]]:
        """The files of each STF, and whether they are needed; asked for as many STFs at a time as
        are looked at before patience ends.
        """
        begin = 0
        while begin < len(stfs):
            part = stfs[
                begin : begin + (MAX_NEEDED_IN_A_ROW if self._used <= limit else MOST_ASKED)
            ]
            needed = self._needed([(files[0].run_id, files[0].stf_filename) for files in part])
            yield from zip(part, needed, strict=True)
            begin += len(part)

    def _scan(self) -> Iterator[_File]:
        runs = self.folder.iterdir() if self.folder.is_dir() else iter(())
        for folder in runs:
            if not folder.name.isdigit() or not folder.is_dir():
                continue
            for path in folder.iterdir():
                named = STF_PART.match(path.name)
                with suppress(FileNotFoundError):
                    if named:
                        size = path.stat().st_size
                        yield _File(folder.name, f"{named[1]}.stf", path, size)
