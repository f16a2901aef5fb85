"""The subdetectors that hits belong to."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agents.data.settings import DataSettings

LARGEST_CLUSTER = 4
"""Most neighbouring cells that one particle hits."""


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


class DetectorSettings(DataSettings):
    """The subdetectors, for all who write or read hits: parameter `detectors`, a list of tables."""

    detectors: tuple[Detector, ...] = EPIC_LIKE

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
