"""Prompt processing: data taking, whose STFs are processed whole while the run goes on.

The DAQ is that of `stf_datataking`. The processing agent keeps one task for the run, which opens
with the run's dataset and closes with it (`task_per_run` in `prompt_processing_default.toml`).
"""

from __future__ import annotations

from collections.abc import Generator

import simpy

from workflows import stf_datataking
from workflows.api import Daq


def workflow(env: simpy.Environment, daq: Daq) -> Generator[simpy.Event, None, None]:
    """One run of data taking."""
    yield from stf_datataking.workflow(env, daq)
