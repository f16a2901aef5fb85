"""What the author of a workflow imports: the DAQ to steer, and the parameters to declare."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, TypeVar

import simpy

from swf_common.configuration.groups import (
    Clustering,
    DaqStateMachine,
    Retention,
    RunTask,
    Sampling,
    Slicing,
    StfContent,
    Workers,
)
from swf_common.configuration.parameters import Parameters, Whole, parameter

__all__ = [
    "Clustering",
    "Daq",
    "DaqStateMachine",
    "Parameters",
    "Retention",
    "RunTask",
    "Sampling",
    "Slicing",
    "Steps",
    "StfContent",
    "Whole",
    "Workers",
    "parameter",
]

Steps = Generator[simpy.Event, None, None]
P_co = TypeVar("P_co", bound=Parameters, covariant=True)


class Daq(Protocol[P_co]):
    """The DAQ that a workflow steers: one run of it.

    The announcements are called in the order of the state machine; each goes out at once, stamped
    with the simulated time.
    """

    @property
    def parameters(self) -> P_co:
        """The parameters of the run."""

    def run_imminent(self) -> None:
        """Announce the run."""

    def start_run(self) -> None:
        """Begin the first physics period."""

    def pause_run(self, reason: str) -> None:
        """Begin a standby between two physics periods."""

    def resume_run(self, reason: str) -> None:
        """Begin the next physics period."""

    def generate_stf(self) -> None:
        """Write the next STF into the exit buffer and announce it."""

    def end_run(self) -> None:
        """End the run; only the first call announces it."""
