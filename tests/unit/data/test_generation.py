"""Simulated STFs: made again exactly, and of the shape that was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.data.generation import ENERGY_STEPS_PER_MEV, generate
from agents.data.time_frames import (
    COLUMNS,
    CROSSING_NS,
    CROSSINGS_PER_ORBIT,
    CROSSINGS_PER_TF,
    FILLED_CROSSINGS,
    TF_DURATION_NS,
    TimeFrames,
)
from swf_common.configuration.groups import EPIC_LIKE, Detector, StfContent
from tests.unit.data.frames import same

USUAL = StfContent()


def made(run: int = 100010, sequence: int = 1, **changes: Any) -> TimeFrames:
    return generate(StfContent(**changes), run, sequence)


def test_an_stf_can_be_made_again_exactly() -> None:
    assert same(made(tf_count=50), made(tf_count=50))


@pytest.mark.parametrize("other", [{"run": 100011}, {"sequence": 2}, {"seed": 2}])
def test_another_run_sequence_or_seed_gives_another_stf(other: dict[str, int]) -> None:
    assert not same(made(tf_count=5), made(**{"tf_count": 5, **other}))


@given(
    tf_count=st.integers(0, 30),
    mean_hits=st.floats(0, 300),
    noise=st.floats(0, 1),
    peak=st.floats(0, 1),
)
@settings(max_examples=50)
def test_every_stf_is_well_formed(
    tf_count: int, mean_hits: float, noise: float, peak: float
) -> None:
    frames = made(
        tf_count=tf_count, mean_hits_per_tf=mean_hits, noise_fraction=noise, peak_fraction=peak
    )
    assert (frames.tf_first, frames.tf_count, frames.tf_last) == (0, tf_count, tf_count - 1)
    for name, kind in COLUMNS.items():
        column = getattr(frames, name)
        assert (len(column), column.dtype) == (frames.hit_count, kind)
    assert frames.hits_per_tf.sum() == frames.hit_count
    assert ((frames.time >= 0) & (frames.time < TF_DURATION_NS)).all()
    assert (frames.energy > 0).all()
    cells = {detector.id: detector.cell_count for detector in EPIC_LIKE}
    for detector in np.unique(frames.detector):
        assert frames.cell[frames.detector == detector].max() < cells[int(detector)]
    later = np.diff(frames.tf * TF_DURATION_NS + frames.time)
    assert (later >= 0).all()


def test_the_mean_number_of_hits_is_the_one_asked_for() -> None:
    for mean in (20.0, 100.0):
        assert made(mean_hits_per_tf=mean).hit_count / 1000 == pytest.approx(mean, rel=0.1)


def test_detectors_have_their_shares_of_the_hits() -> None:
    frames = made(mean_hits_per_tf=300)
    for detector in EPIC_LIKE:
        share = np.mean(frames.detector == detector.id)
        assert share == pytest.approx(detector.hit_share, rel=0.1)


def bunches(frames: TimeFrames) -> Any:
    crossing = np.floor(frames.time / CROSSING_NS) + frames.tf * CROSSINGS_PER_TF
    return crossing % CROSSINGS_PER_ORBIT


def test_the_signal_comes_from_filled_crossings_and_noise_at_any_time() -> None:
    sharp = Detector(
        id=1, name="d", cell_count=9, hit_share=1, energy_scale_mev=1, time_spread_ns=0
    )
    signal = bunches(made(noise_fraction=0, detectors=(sharp,)))
    assert signal.max() == FILLED_CROSSINGS - 1
    noise = bunches(made(noise_fraction=1, detectors=(sharp,)))
    gap = (CROSSINGS_PER_ORBIT - FILLED_CROSSINGS) / CROSSINGS_PER_ORBIT
    assert np.mean(noise >= FILLED_CROSSINGS) == pytest.approx(gap, rel=0.1)


def test_energies_are_whole_steps_whose_sums_are_exact() -> None:
    steps = made().energy.astype(np.float64) * ENERGY_STEPS_PER_MEV
    assert (steps == np.rint(steps)).all()
    backwards = np.cumsum(steps[::-1])[-1]
    assert np.cumsum(steps)[-1] == backwards
