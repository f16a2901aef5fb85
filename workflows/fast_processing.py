"""Fast processing: data taking, whose STFs are sampled, sliced and transformed as they come.

The steps are those of `stf_datataking`; what is fast here is done by the agents that
`fast_processing_default.toml` enables.
"""

from __future__ import annotations

from workflows import stf_datataking
from workflows.api import Sampling, Slicing, Whole, Workers

workflow = stf_datataking.workflow


class Parameters(stf_datataking.Parameters, Sampling, Slicing, Workers):
    """Ten STFs in one physics period."""

    section = "fast_processing"

    stf_count: Whole = stf_datataking.Parameters.default("stf_count", 10)
    physics_period_count: Whole = stf_datataking.Parameters.default("physics_period_count", 1)
