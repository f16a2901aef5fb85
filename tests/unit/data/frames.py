"""Time frames for tests."""

from __future__ import annotations

import numpy as np

from agents.data.generation import generate
from agents.data.time_frames import COLUMNS, TimeFrames
from swf_common.configuration.groups import StfContent

Hit = tuple[int, int, int, float, float]


def frames_of(hits: list[Hit], tf_count: int = 1, tf_first: int = 0) -> TimeFrames:
    """Time frames with hits (TF, detector, cell, time in ns, energy in MeV), in order of TFs."""
    columns = list(zip(*hits, strict=True)) if hits else [()] * 5
    per_tf = np.bincount(np.asarray(columns[0], dtype=np.int64) - tf_first, minlength=tf_count)
    return TimeFrames(
        tf_first,
        np.concatenate(([0], np.cumsum(per_tf))),
        **{
            name: np.asarray(column, dtype=kind)
            for (name, kind), column in zip(COLUMNS.items(), columns[1:], strict=True)
        },
    )


def stf(tf_count: int = 20, mean_hits: float = 100, sequence: int = 1) -> TimeFrames:
    """A generated STF."""
    settings = StfContent(tf_count=tf_count, mean_hits_per_tf=mean_hits)
    return generate(settings, 100010, sequence)


def same(one: TimeFrames, other: TimeFrames) -> bool:
    """Whether all TFs and all their hits are the same."""
    return one.tf_first == other.tf_first and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("offsets", *COLUMNS)
    )
