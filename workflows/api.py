"""What the author of a workflow imports."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import simpy

    Steps = Generator[simpy.Event, None, None]


class Daq(Protocol):
    """The DAQ that a workflow steers: one run of it.

    The announcements are called in the order of the state machine; each goes out at once, stamped
    with the simulated time.
    """

    parameters: dict[str, Any]

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
