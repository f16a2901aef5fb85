"""Which STFs are sampled, and which of their time frames.

The rule is the predecessor's (its fastmon agent); the choices follow from seed, run and sequence
number, so that an agent that starts again makes the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePath

import numpy as np

from swf_common.configuration.groups import Sampling

SIZE_SPREAD = 0.1
"""Standard deviation of the size of a sample, over its mean."""


@dataclass(frozen=True)
class Sample:
    """One contiguous block of TFs of an STF, by their numbers in the STF, and its file's name."""

    filename: str
    tf_first: int
    tf_last: int

    @property
    def tf_count(self) -> int:
        """How many TFs there are, from `tf_first` to `tf_last`, both included."""
        return self.tf_last - self.tf_first + 1


class _Choice(IntEnum):
    """What a random number is for; each has a stream of its own."""

    STF = 1
    TIME_FRAMES = 2


def is_sampled(settings: Sampling, run: int, sequence: int) -> bool:
    """Whether the STF of a run and sequence number is sampled."""
    return bool(_random(settings, run, sequence, _Choice.STF).random() < settings.stf_sampling_rate)


def samples(
    settings: Sampling, stf_filename: str, run: int, sequence: int, tf_count: int
) -> list[Sample]:
    """The samples of an STF with `tf_count` TFs, in their order; at least one TF in each.

    The STF is cut into `tf_files_per_stf` equal partitions, of which the last takes the rest.
    Each gives one block, of `tf_size_fraction` of its size give or take a tenth, at a random
    place. Partitions without a TF give none. Names are `<STF's stem>_tf_<nnn>.tf`, from 001.
    """
    rng = _random(settings, run, sequence, _Choice.TIME_FRAMES)
    stem = PurePath(stf_filename).stem
    chosen = []
    for number, (start, size) in enumerate(_partitions(tf_count, settings.tf_files_per_stf), 1):
        wanted = int(size * settings.tf_size_fraction * rng.normal(1, SIZE_SPREAD))
        taken = min(max(wanted, 1), size)
        first = start + int(rng.integers(0, size - taken + 1))
        chosen.append(Sample(f"{stem}_tf_{number:03d}.tf", first, first + taken - 1))
    return chosen


def _partitions(tf_count: int, wanted: int) -> Iterator[tuple[int, int]]:
    """First TF and size of each partition that has any."""
    size = tf_count // wanted
    for number in range(wanted - 1 if size else 0):
        yield number * size, size
    start = (wanted - 1) * size
    if tf_count > start:
        yield start, tf_count - start


def _random(settings: Sampling, run: int, sequence: int, choice: _Choice) -> np.random.Generator:
    source = np.random.SeedSequence((settings.seed, run, sequence), spawn_key=(choice,))
    return np.random.Generator(np.random.PCG64(source))
