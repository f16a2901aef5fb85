"""The stages that a run waits for, where the monitor judges whether it has drained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monitor.control.draining import _stages_of
from monitor.records.models import WorkflowExecution
from testbed.testing import new_progress

DATA = {"enabled": True, "program": "data", "stages": ["stf.registered"]}
CALIBRATION = {"enabled": True, "program": "calibrator", "stages": ["stf.calibrated"]}
OPTIONAL = {**CALIBRATION, "required": False}
UNKNOWN = {"enabled": True, "program": None}
SEEN = ("stf.generated", "stf.registered", "stf.calibrated")


@pytest.mark.parametrize(
    ("agents", "stages"),
    [
        ({"data": DATA}, ("stf.registered",)),
        ({"data": DATA, "calibration": CALIBRATION}, ("stf.registered", "stf.calibrated")),
        ({"data": DATA, "calibration": OPTIONAL}, ("stf.registered",)),
        ({"data": DATA, "calibration": {**CALIBRATION, "enabled": False}}, ("stf.registered",)),
        ({}, SEEN),
        ({"data": DATA, "other": UNKNOWN}, SEEN),
        (
            {"data": DATA, "other": UNKNOWN, "calibration": OPTIONAL},
            ("stf.generated", "stf.registered"),
        ),
    ],
)
def test_a_run_waits_for_what_its_required_agents_account_for_or_else_for_what_was_seen(
    agents: dict[str, Any], stages: tuple[str, ...]
) -> None:
    execution = WorkflowExecution(parameter_values={"agents": agents})
    counts = {stage: {"done": 1, "failed": 0} for stage in SEEN}
    assert _stages_of(execution, replace(new_progress(), stages=counts)) == stages
