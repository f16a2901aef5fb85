"""Simulated STFs: made-up physics whose histograms are worth looking at.

Events happen at filled bunch crossings. Each sends particles into the subdetectors; a particle
hits up to four neighbouring cells within nanoseconds. The energies of particles are a peak over
an exponential background. Noise hits are alone, small, and at any time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agents.data.time_frames import (
    CROSSING_NS,
    CROSSINGS_PER_ORBIT,
    CROSSINGS_PER_TF,
    FILLED_CROSSINGS,
    TF_DURATION_NS,
    TimeFrames,
)
from swf_common.configuration.groups import LARGEST_CLUSTER, StfContent

MEAN_CLUSTER = (1 + LARGEST_CLUSTER) / 2
"""Mean number of cells that a particle hits."""
PARTICLES_PER_EVENT = 5
BACKGROUND_SCALE = 0.5
"""Mean energy of the background over the energy of the peak."""
NOISE_SCALE = 0.05
"""Mean energy of a noise hit over the energy of the peak."""

ENERGY_STEPS_PER_MEV = 2**14
TIME_STEPS_PER_NS = 16
"""Digitisation. Sums of whole steps are exact, in whatever order and on whatever machine."""
TIME_STEPS = int(TF_DURATION_NS * TIME_STEPS_PER_NS)
TIME_BITS = TIME_STEPS.bit_length()

HITS_PER_BLOCK = 15_000
"""Hits that are made at a time. Their columns stay in the processor's cache. Each is smaller than
128 kB: for larger arrays the C library asks the system for fresh pages each time."""
MOST_TFS_PER_BLOCK = 2 ** (32 - TIME_BITS)
"""TFs that are made at a time, at most: the number of a TF and a time step fit into 32 bits, which
are sorted as two digits of 16 bits."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Columns = tuple[Ints, npt.NDArray[np.uint8], Ints, Floats, Floats]


def generate(settings: StfContent, run: int, sequence: int) -> TimeFrames:
    """The STF of a run and sequence number; the same arguments give the same hits.

    Time and memory are in proportion to the number of hits. numpy may change how it draws numbers
    between its versions: the promise holds for one version.
    """
    seed = np.random.SeedSequence((settings.seed, run, sequence))
    rng = np.random.Generator(np.random.PCG64(seed))
    step = int(HITS_PER_BLOCK / max(settings.mean_hits_per_tf, HITS_PER_BLOCK / MOST_TFS_PER_BLOCK))
    blocks = [
        _block(settings, rng, first, min(step, settings.tf_count - first))
        for first in range(0, settings.tf_count, step)
    ] or [_block(settings, rng, 0, 0)]
    hits_per_tf, detector, cell, time, energy = (
        np.concatenate(column) for column in zip(*blocks, strict=True)
    )
    offsets = np.concatenate(([0], np.cumsum(hits_per_tf)))
    return TimeFrames(0, offsets, detector, cell, time, energy)


def _block(
    settings: StfContent, rng: np.random.Generator, tf_first: int, tf_count: int
) -> tuple[Ints, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Some time frames: the number of hits in each, and the columns of the hits by time."""
    numbers = np.arange(tf_first, tf_first + tf_count)
    parts = [_signal(settings, rng, numbers), _noise(settings, rng, numbers)]
    tf, detector, cell, time, energy = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    tf -= tf_first
    time_steps = np.clip(np.rint(time * TIME_STEPS_PER_NS), 0, TIME_STEPS - 1)
    energy_steps = np.maximum(np.rint(energy * ENERGY_STEPS_PER_MEV), 1)
    order = _in_order_of_time(tf, time_steps.astype(np.uint32))
    return (
        np.bincount(tf, minlength=tf_count),
        detector[order],
        cell.astype(np.uint32)[order],
        (time_steps / TIME_STEPS_PER_NS).astype(np.float32)[order],
        (energy_steps / ENERGY_STEPS_PER_MEV).astype(np.float32)[order],
    )


def _in_order_of_time(tf: Ints, time_steps: npt.NDArray[np.uint32]) -> Ints:
    """The indices that sort hits by TF and by time in it; hits at the same time keep their order.

    It sorts by digits of 16 bits, which numpy does by radix, in a quarter of the time.
    """
    later = time_steps >> 16 | tf.astype(np.uint32) << TIME_BITS - 16
    return np.lexsort((time_steps.astype(np.uint16), later.astype(np.uint16)))


def _signal(settings: StfContent, rng: np.random.Generator, numbers: Ints) -> Columns:
    """The hits of particles in the TFs with these numbers: TF, detector's id, cell, ns, MeV."""
    mean_hits = settings.mean_hits_per_tf * (1 - settings.noise_fraction)
    mean_events = mean_hits / (PARTICLES_PER_EVENT * MEAN_CLUSTER)
    event_tf = np.repeat(numbers, rng.poisson(mean_events, len(numbers)))
    event_ns = (_filled_crossings(event_tf, rng) + 0.5) * CROSSING_NS

    particles = rng.poisson(PARTICLES_PER_EVENT, len(event_tf))
    count = int(particles.sum())
    detector = _draw_detectors(settings, rng, count)
    cells = rng.integers(1, LARGEST_CLUSTER + 1, count)
    places = _each(settings, "cell_count")[detector] - cells + 1
    first_cell = (rng.random(count) * places).astype(np.int64)
    in_peak = rng.random(count) < settings.peak_fraction
    energy = rng.exponential(BACKGROUND_SCALE, count)
    energy[in_peak] = rng.normal(1, settings.peak_width_fraction, np.count_nonzero(in_peak))
    energy *= _each(settings, "energy_scale_mev")[detector]

    particle = np.repeat(np.arange(count), cells)
    first_hit = np.cumsum(cells) - cells
    weight = 0.2 + rng.standard_exponential(len(particle))
    total = np.bincount(particle, weights=weight, minlength=count)
    delay = rng.standard_normal(len(particle))
    delay *= _each(settings, "time_spread_ns")[detector][particle]
    return (
        np.repeat(event_tf, particles)[particle],
        _each(settings, "id").astype(np.uint8)[detector][particle],
        (first_cell - first_hit)[particle] + np.arange(len(particle)),
        np.repeat(event_ns, particles)[particle] + delay,
        energy[particle] * weight / total[particle],
    )


def _noise(settings: StfContent, rng: np.random.Generator, numbers: Ints) -> Columns:
    """The noise hits in these TFs, in the same columns."""
    mean_hits = settings.mean_hits_per_tf * settings.noise_fraction
    tf = np.repeat(numbers, rng.poisson(mean_hits, len(numbers)))
    detector = _draw_detectors(settings, rng, len(tf))
    return (
        tf,
        _each(settings, "id").astype(np.uint8)[detector],
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


def _draw_detectors(settings: StfContent, rng: np.random.Generator, count: int) -> Ints:
    shares = _each(settings, "hit_share")
    drawn = rng.random(count)
    place = np.zeros(count, np.int64)
    for edge in np.cumsum(shares / shares.sum())[:-1]:  # so few that a binary search is slower
        place += drawn >= edge
    return place


def _each(settings: StfContent, field: str) -> npt.NDArray[Any]:
    """A field of all detectors, in the order of the list."""
    return np.array([getattr(detector, field) for detector in settings.detectors])
