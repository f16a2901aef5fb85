"""An agent with a stage of its own; calibrator.yaml puts it among the programs."""

from __future__ import annotations

from agents.runtime import BaseAgent, handles
from swf_common.protocol.messages import StfReady

GAP = 4
"""The number of the STF whose calibration fails."""


class Calibrator(BaseAgent):
    """Calibrates every STF but one."""

    agent_type = "calibration"

    @handles("stf_ready")
    def calibrate(self, message: StfReady) -> None:
        self.passed("stf.calibrated", message, failed=message.sequence == GAP)
