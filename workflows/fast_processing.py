"""Fast processing: data taking, whose STFs are sampled, sliced and transformed as they come.

The DAQ is that of `stf_datataking`; what is fast here is done by the agents that
`fast_processing_default.toml` enables.
"""

from __future__ import annotations

from collections.abc import Generator

import simpy

from workflows import stf_datataking
from workflows.api import Daq


def workflow(env: simpy.Environment, daq: Daq) -> Generator[simpy.Event, None, None]:
    """One run of data taking."""
    yield from stf_datataking.workflow(env, daq)
