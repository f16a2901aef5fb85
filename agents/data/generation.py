"""Simulated STFs: made-up physics whose histograms are worth looking at.

Events happen at filled bunch crossings. Each sends particles into the subdetectors; a particle
hits up to four neighbouring cells within nanoseconds. The energies of particles are a peak over
an exponential background. Noise hits are alone, small, and at any time.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from agents.data.detectors import LARGEST_CLUSTER, DetectorSettings
from agents.data.time_frames import (
    CROSSING_NS,
    CROSSINGS_PER_ORBIT,
    CROSSINGS_PER_TF,
    FILLED_CROSSINGS,
    TF_DURATION_NS,
    TimeFrames,
)

MEAN_CLUSTER = (1 + LARGEST_CLUSTER) / 2
"""Mean number of cells that a particle hits."""
PARTICLES_PER_EVENT = 5
MOST_HITS_PER_STF = 2_000_000
"""A hit takes about 120 bytes while its STF is made or clustered; agents have 512 MB."""
BACKGROUND_SCALE = 0.5
"""Mean energy of the background over the energy of the peak."""
NOISE_SCALE = 0.05
"""Mean energy of a noise hit over the energy of the peak."""

ENERGY_STEPS_PER_MEV = 2**14
TIME_STEPS_PER_NS = 16
"""Digitisation. Sums of whole steps are exact, in whatever order and on whatever machine."""
TIME_STEPS = int(TF_DURATION_NS * TIME_STEPS_PER_NS)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class GenerationSettings(DetectorSettings):
    """What simulated STFs look like.

    :param seed: the same seed, run and sequence number give the same STF
    :param tf_count: TFs in an STF
    :param mean_hits_per_tf: mean number of hits in a TF, noise included
    :param noise_fraction: part of the hits that are noise
    :param peak_fraction: part of the particles whose energy lies in the peak
    :param peak_width_fraction: standard deviation of the peak, over its energy
    """

    seed: int = Field(default=1, ge=0)
    tf_count: int = Field(default=1000, ge=0, le=100_000)
    mean_hits_per_tf: float = Field(default=100.0, ge=0, le=10_000)
    noise_fraction: float = Field(default=0.1, ge=0, le=1)
    peak_fraction: float = Field(default=0.3, ge=0, le=1)
    peak_width_fraction: float = Field(default=0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        hits = self.tf_count * self.mean_hits_per_tf
        if hits > MOST_HITS_PER_STF:
            raise ValueError(
                f"tf_count times mean_hits_per_tf makes {hits:.0f} hits in an STF; "
                f"at most {MOST_HITS_PER_STF} fit into an agent's memory"
            )
        return self


def generate(settings: GenerationSettings, run: int, sequence: int) -> TimeFrames:
    """The STF of a run and sequence number; the same arguments give the same hits.

    Time and memory are in proportion to the number of hits. numpy may change how it draws numbers
    between its versions: the promise holds for one version.
    """
    seed = np.random.SeedSequence((settings.seed, run, sequence))
    rng = np.random.Generator(np.random.PCG64(seed))
    parts = [_signal(settings, rng), _noise(settings, rng)]
    tf, detector, cell, time, energy = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    time_steps = np.clip(np.rint(time * TIME_STEPS_PER_NS), 0, TIME_STEPS - 1).astype(np.int64)
    energy_steps = np.maximum(np.rint(energy * ENERGY_STEPS_PER_MEV), 1)
    order = np.argsort(tf * TIME_STEPS + time_steps, kind="stable")
    hits_per_tf = np.bincount(tf, minlength=settings.tf_count)
    return TimeFrames(
        tf_first=0,
        offsets=np.concatenate(([0], np.cumsum(hits_per_tf))),
        detector=_each(settings, "id")[detector[order]].astype(np.uint8),
        cell=cell[order].astype(np.uint32),
        time=(time_steps[order] / TIME_STEPS_PER_NS).astype(np.float32),
        energy=(energy_steps[order] / ENERGY_STEPS_PER_MEV).astype(np.float32),
    )


def _signal(
    settings: GenerationSettings, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints, Floats, Floats]:
    """Of each hit of a particle: TF, place of its detector in the list, cell, ns, MeV."""
    mean_hits = settings.mean_hits_per_tf * (1 - settings.noise_fraction)
    mean_events = mean_hits / (PARTICLES_PER_EVENT * MEAN_CLUSTER)
    event_tf = np.repeat(np.arange(settings.tf_count), rng.poisson(mean_events, settings.tf_count))
    event_crossing = _filled_crossings(event_tf, rng)

    event = np.repeat(np.arange(len(event_tf)), rng.poisson(PARTICLES_PER_EVENT, len(event_tf)))
    count = len(event)
    detector = _draw_detectors(settings, rng, count)
    cells = rng.integers(1, LARGEST_CLUSTER + 1, count)
    first_cell = rng.integers(0, _each(settings, "cell_count")[detector] - cells + 1)
    in_peak = rng.random(count) < settings.peak_fraction
    peak = rng.normal(1, settings.peak_width_fraction, count)
    background = rng.exponential(BACKGROUND_SCALE, count)
    energy = np.where(in_peak, peak, background) * _each(settings, "energy_scale_mev")[detector]

    particle = np.repeat(np.arange(count), cells)
    first_hit = np.cumsum(cells) - cells
    weight = 0.2 + rng.exponential(1, len(particle))
    total = np.bincount(particle, weights=weight, minlength=count)
    delay = rng.normal(0, 1, len(particle)) * _each(settings, "time_spread_ns")[detector[particle]]
    crossing = event_crossing[event[particle]]
    return (
        event_tf[event[particle]],
        detector[particle],
        first_cell[particle] + np.arange(len(particle)) - first_hit[particle],
        (crossing + 0.5) * CROSSING_NS + delay,
        energy[particle] * weight / total[particle],
    )


def _noise(
    settings: GenerationSettings, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints, Floats, Floats]:
    """The same of each noise hit."""
    mean_hits = settings.mean_hits_per_tf * settings.noise_fraction
    tf = np.repeat(np.arange(settings.tf_count), rng.poisson(mean_hits, settings.tf_count))
    detector = _draw_detectors(settings, rng, len(tf))
    return (
        tf,
        detector,
        rng.integers(0, _each(settings, "cell_count")[detector]),
        rng.uniform(0, TF_DURATION_NS, len(tf)),
        rng.exponential(NOISE_SCALE, len(tf)) * _each(settings, "energy_scale_mev")[detector],
    )


def _filled_crossings(tf: Ints, rng: np.random.Generator) -> Ints:
    """For each event a crossing of its TF at which bunches meet; bunch 0 is first in the STF."""
    crossing = rng.integers(0, CROSSINGS_PER_TF, len(tf))
    bunch = (tf * CROSSINGS_PER_TF + crossing) % CROSSINGS_PER_ORBIT
    other_bunch = rng.integers(0, FILLED_CROSSINGS, len(tf))
    crossing -= np.where(bunch >= FILLED_CROSSINGS, bunch - other_bunch, 0)
    crossing += np.where(crossing < 0, CROSSINGS_PER_ORBIT, 0)
    return crossing


def _draw_detectors(settings: GenerationSettings, rng: np.random.Generator, count: int) -> Ints:
    shares = _each(settings, "hit_share")
    edges = np.cumsum(shares / shares.sum())[:-1]
    return np.searchsorted(edges, rng.random(count), side="right").astype(np.int64, copy=False)


def _each(settings: GenerationSettings, field: str) -> npt.NDArray[Any]:
    """A field of all detectors, in the order of the list."""
    return np.array([getattr(detector, field) for detector in settings.detectors])
