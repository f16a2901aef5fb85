"""The groups of parameters that workflows are put together from."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from swf_common.configuration.parameters import Parameters, Whole, parameter

SIMULATED = "simulated s"

LARGEST_CLUSTER = 4
"""Most neighbouring cells that one particle hits."""
MOST_HITS_PER_STF = 2_000_000
"""A hit takes about 120 bytes while its STF is made or clustered; agents have 512 MB."""


class DaqStateMachine(Parameters):
    """The timing of the DAQ, and how many STFs it makes."""

    section = "daq_state_machine"

    no_beam_not_ready_delay: float = parameter(5.0, "in no_beam / not_ready", unit=SIMULATED)
    beam_not_ready_delay: float = parameter(
        5.0, "in beam / not_ready, after run_imminent", unit=SIMULATED
    )
    beam_ready_delay: float = parameter(2.0, "in beam / ready, before start_run", unit=SIMULATED)
    beam_not_ready_end_delay: float = parameter(
        5.0, "in beam / not_ready, after end_run", unit=SIMULATED
    )
    broadcast_delay: float = parameter(1.0, "after each announcement of a state", unit=SIMULATED)
    stf_interval: float = parameter(2.0, "between two STFs", unit=SIMULATED)
    stf_generation_time: float = parameter(0.1, "to make one STF", unit=SIMULATED)
    stf_count: Whole = parameter(
        0, "STFs in each physics period; 0: as many as its duration allows"
    )
    physics_period_duration: float = parameter(
        10.0, "of each physics period, when stf_count is 0", unit=SIMULATED
    )
    physics_period_count: Whole = parameter(2, "physics periods in a run; 0: without end")
    standby_duration: float = parameter(2.0, "between two physics periods", unit=SIMULATED)


class Detector(BaseModel):
    """A subdetector: a row of cells, of which particles hit neighbouring ones.

    :param hit_share: its part of all hits, relative to those of the other subdetectors
    :param energy_scale_mev: energy of the signal's peak, in MeV
    :param time_spread_ns: standard deviation of a hit's time after its bunch crossing, in ns
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = Field(ge=0, le=255)
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")
    cell_count: int = Field(ge=LARGEST_CLUSTER, le=2**31)
    hit_share: float = Field(gt=0, allow_inf_nan=False)
    energy_scale_mev: float = Field(ge=0.01, le=1e5)
    time_spread_ns: float = Field(ge=0, le=1000)


EPIC_LIKE = tuple(
    Detector(
        id=number,
        name=name,
        cell_count=cells,
        hit_share=share,
        energy_scale_mev=energy,
        time_spread_ns=spread,
    )
    for number, name, cells, share, energy, spread in (
        (1, "silicon_tracker", 16384, 0.30, 0.1, 3.0),
        (2, "gas_tracker", 4096, 0.10, 0.05, 5.0),
        (3, "time_of_flight", 8192, 0.10, 0.2, 0.05),
        (4, "barrel_ecal", 6144, 0.25, 20.0, 1.0),
        (5, "backward_ecal", 2852, 0.10, 50.0, 0.5),
        (6, "hadron_calorimeter", 1536, 0.15, 30.0, 2.0),
    )
)
"""Kinds of subdetectors that ePIC has; sizes, shares and energies are made up, in scale."""


class Seed(Parameters):
    """What all random numbers of a run follow from."""

    section = "stf_content"

    seed: Whole = parameter(1, "the same seed, run and sequence number give the same STF")


class Hits(Parameters):
    """Which hits there are, for all who write or read them."""

    section = "stf_content"

    mean_hits_per_tf: float = parameter(100.0, "hits in a time frame, noise included", le=10_000)
    detectors: tuple[Detector, ...] = Field(
        default=EPIC_LIKE,
        strict=False,
        description="the subdetectors, as tables [[stf_content.detectors]]",
    )

    @field_validator("detectors")
    @classmethod
    def _distinct(cls, detectors: tuple[Detector, ...]) -> tuple[Detector, ...]:
        if not detectors:
            raise ValueError("at least one is needed")
        for field in ("id", "name"):
            values = [getattr(detector, field) for detector in detectors]
            if len(set(values)) != len(values):
                raise ValueError(f"two subdetectors have the same {field}")
        return detectors


class StfContent(Seed, Hits):
    """What simulated STFs hold."""

    section = "stf_content"

    tf_count: Whole = parameter(1000, "time frames in an STF", le=100_000)
    noise_fraction: float = parameter(0.1, "part of the hits that is noise", le=1)
    peak_fraction: float = parameter(
        0.3, "part of the particles whose energies lie in the peak", le=1
    )
    peak_width_fraction: float = parameter(
        0.1, "standard deviation of the peak, over its energy", le=1
    )

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        hits = self.tf_count * self.mean_hits_per_tf
        if hits > MOST_HITS_PER_STF:
            raise ValueError(
                f"tf_count times mean_hits_per_tf makes {hits:.0f} hits in an STF; "
                f"at most {MOST_HITS_PER_STF} fit into an agent's memory"
            )
        return self


class Retention(Parameters):
    """How large the volumes of the runs' files may become; 0: without a limit."""

    section = "retention"

    daq_buffer_limit_mb: float = parameter(
        2000.0, "STF files; the default ones have about 1.4 MB", unit="MB"
    )
    tf_samples_limit_mb: float = parameter(
        500.0, "TF samples; those of an STF have about 0.4 MB", unit="MB"
    )
    processed_limit_mb: float = parameter(
        1000.0, "outputs of the processing agent; about 0.8 MB each", unit="MB"
    )


class Clustering(Parameters):
    """What is close in time."""

    section = "clustering"

    cluster_time_window_ns: float = parameter(
        30.0, "hits of a cluster follow each other within this time", unit="ns"
    )


class Sampling(Seed):
    """Which STFs are sampled, and which of their time frames."""

    section = "fast_processing"

    stf_sampling_rate: float = parameter(1.0, "part of the STFs that is sampled", le=1)
    tf_files_per_stf: Whole = parameter(
        7, "TF samples of an STF, one from each of so many equal parts", ge=1, le=1000
    )
    tf_size_fraction: float = parameter(
        0.15, "mean part of an STF's time frames that gets into samples", le=1
    )


class Slicing(Parameters):
    """How large a slice is."""

    section = "fast_processing"

    num_tf_per_slice: Whole = parameter(
        2, "time frames in a slice; the last one of a sample may have fewer", ge=1
    )


class Workers(Parameters):
    """What workers of a run are told, and how long a slice keeps them."""

    section = "fast_processing"

    slice_processing_time: float = parameter(
        0.0, "shortest time that a slice takes, to emulate longer work", unit="s"
    )
    target_worker_count: Whole = parameter(30, "workers asked for when the run is announced")
    slices_per_sample: Whole = parameter(15, "the predecessor's; not used")
    worker_rampup_time: float = parameter(300.0, "passed to workers; not used here", unit="s")
    worker_rampdown_time: float = parameter(60.0, "passed to workers; not used here", unit="s")


class RunTask(Parameters):
    """The task of a run in prompt processing."""

    section = "prompt_processing"

    task_per_run: bool = parameter(
        False, "keep a task that opens and closes with the run's dataset"
    )
