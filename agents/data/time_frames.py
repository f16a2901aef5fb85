"""Time frames in memory: their hits as flat columns, and the clock that they are counted by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CROSSING_RATE_HZ = 98.5e6
CROSSINGS_PER_TF = 2**16
CROSSINGS_PER_ORBIT = 1260
"""Bunch positions of the EIC's hadron ring; a beam comes back to the same one every 12.8 us."""
FILLED_CROSSINGS = 1160
"""How many of them, from the first, hold a bunch; the others are the abort gap."""

CROSSING_NS = 1e9 / CROSSING_RATE_HZ
TF_DURATION_NS = CROSSINGS_PER_TF * CROSSING_NS
"""Length of a time frame in nanoseconds: 2^16 bunch crossings at 98.5 MHz."""

COLUMNS: dict[str, type[np.number[Any]]] = {
    "detector": np.uint8,
    "cell": np.uint32,
    "time": np.float32,
    "energy": np.float32,
}
"""Columns of the hits, and how each is stored."""


@dataclass(frozen=True, eq=False)
class TimeFrames:
    """Consecutive time frames (TFs) of one STF, and their hits in order of time.

    All columns of hits have one entry a hit; the hits of the i-th TF are those from `offsets[i]`
    up to, and without, `offsets[i + 1]`.

    :param tf_first: number of the first TF in its STF, from 0
    :param offsets: int64, one more than there are TFs
    :param detector: uint8, id of the subdetector
    :param cell: uint32, number of the cell in its subdetector, from 0
    :param time: float32, nanoseconds since the start of the TF
    :param energy: float32, MeV
    """

    tf_first: int
    offsets: npt.NDArray[np.int64]
    detector: npt.NDArray[np.uint8]
    cell: npt.NDArray[np.uint32]
    time: npt.NDArray[np.float32]
    energy: npt.NDArray[np.float32]

    @property
    def tf_count(self) -> int:
        """How many TFs there are."""
        return len(self.offsets) - 1

    @property
    def tf_last(self) -> int:
        """Number of the last TF in its STF; one before `tf_first` when there is none."""
        return self.tf_first + self.tf_count - 1

    @property
    def hit_count(self) -> int:
        """How many hits there are in all TFs."""
        return len(self.detector)

    @property
    def hits_per_tf(self) -> npt.NDArray[np.int64]:
        """How many hits each TF has."""
        return np.diff(self.offsets)

    @property
    def tf(self) -> npt.NDArray[np.int64]:
        """For each hit the number of its TF in the STF."""
        return np.repeat(np.arange(self.tf_first, self.tf_last + 1), self.hits_per_tf)

    def select(self, tf_first: int, tf_last: int) -> TimeFrames:
        """The TFs from `tf_first` to `tf_last`, both included, by their numbers in the STF.

        :raises ValueError: not all of them are here
        """
        if not self.tf_first <= tf_first <= tf_last + 1 <= self.tf_last + 1:
            raise ValueError(
                f"TFs {tf_first} to {tf_last} are not among {self.tf_first} to {self.tf_last}"
            )
        offsets = self.offsets[tf_first - self.tf_first : tf_last - self.tf_first + 2]
        hits = slice(int(offsets[0]), int(offsets[-1]))
        return TimeFrames(
            tf_first,
            offsets - offsets[0],
            self.detector[hits],
            self.cell[hits],
            self.time[hits],
            self.energy[hits],
        )
