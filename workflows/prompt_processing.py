"""Prompt processing: data taking, whose STFs are processed whole while the run goes on.

The steps are those of `stf_datataking`. The processing agent keeps one task for the run, which
opens with the run's dataset and closes with it (`task_per_run`).
"""

from __future__ import annotations

from workflows import stf_datataking
from workflows.api import RunTask, Whole

workflow = stf_datataking.workflow


class Parameters(stf_datataking.Parameters, RunTask):
    """Three STFs in one physics period."""

    section = "prompt_processing"

    stf_count: Whole = stf_datataking.Parameters.default("stf_count", 3)
    physics_period_count: Whole = stf_datataking.Parameters.default("physics_period_count", 1)
    task_per_run: bool = RunTask.default("task_per_run", True)
