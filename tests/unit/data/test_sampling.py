"""Sampling: the predecessor's rule, and the same choice again after a restart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.data.sampling import Sample, is_sampled, samples
from swf_common.configuration.groups import Sampling

STF = "swf.100010.000001.stf"
USUAL = Sampling()


def usual(sequence: int = 1, tf_count: int = 1000) -> list[Sample]:
    return samples(USUAL, STF, 100010, sequence, tf_count)


def test_an_stf_gives_seven_samples_named_after_it() -> None:
    names = [sample.filename for sample in usual()]
    assert names == [f"swf.100010.000001_tf_{number:03d}.tf" for number in range(1, 8)]


def test_a_sample_lies_inside_its_partition() -> None:
    for sequence in range(200):
        for number, sample in enumerate(usual(sequence)):
            last = 1000 if number == 6 else 142 * (number + 1)
            assert 142 * number <= sample.tf_first <= sample.tf_last < last


def test_sizes_are_those_of_the_predecessor() -> None:
    # of the predecessor: 13 to 29 TFs in 500 trials, mean 21
    sizes = [sample.tf_count for sequence in range(500) for sample in usual(sequence)]
    assert np.mean(sizes) == pytest.approx(21, abs=0.5)
    assert 11 <= min(sizes) <= 16
    assert 26 <= max(sizes) <= 31


def test_samples_begin_anywhere_in_their_partition() -> None:
    first = [usual(sequence)[0].tf_first for sequence in range(500)]
    assert min(first) < 5
    assert max(first) > 115


def test_the_same_stf_gives_the_same_samples_again() -> None:
    assert usual() == usual()
    assert usual() != usual(2)
    assert usual() != samples(USUAL, STF, 100011, 1, 1000)
    assert usual() != samples(Sampling(seed=2), STF, 100010, 1, 1000)


@given(
    tf_count=st.integers(0, 300),
    files=st.integers(1, 40),
    fraction=st.floats(0, 1),
    sequence=st.integers(0, 1000),
)
def test_samples_are_apart_in_order_and_inside_the_stf(
    tf_count: int, files: int, fraction: float, sequence: int
) -> None:
    settings = Sampling(tf_files_per_stf=files, tf_size_fraction=fraction)
    found = samples(settings, STF, 1, sequence, tf_count)
    assert len(found) == (files if tf_count >= files else min(1, tf_count))
    assert len({sample.filename for sample in found}) == len(found)
    border = 0
    for sample in found:
        assert border <= sample.tf_first <= sample.tf_last < tf_count
        border = sample.tf_last + 1


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_the_sampling_rate_is_the_part_of_the_stfs_that_are_sampled(rate: float) -> None:
    settings = Sampling(stf_sampling_rate=rate)
    chosen = [is_sampled(settings, 100010, sequence) for sequence in range(2000)]
    assert np.mean(chosen) == pytest.approx(rate, abs=0.04 * (0 < rate < 1))
    assert chosen == [is_sampled(settings, 100010, sequence) for sequence in range(2000)]
