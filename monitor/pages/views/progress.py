"""How far an execution is, as pages show it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.core.cache import cache

from monitor.records.json_values import as_object
from monitor.records.models import WorkflowExecution
from monitor.records.progress import progress_of
from testbed.configuration.model import flat_parameters

KEPT_S = 1
MOST_PLANNED = 10**9
PERIODS, EACH = "physics_period_count", "stf_count"
"""Parameters of every data taking: how many periods, and STFs in each; 0: nobody knows."""


def recent_progress(execution: WorkflowExecution) -> dict[str, Any]:
    """The progress of an execution, counted anew every second however many look at it; `wanted`
    is what STFs are measured against, as far as that is known.
    """
    key = f"progress-{sha256(execution.execution_id.encode()).hexdigest()}"
    known: dict[str, Any] | None = cache.get(key)
    if known is not None and known["status"] == execution.status:
        return known
    progress = progress_of(execution)
    made = max(progress["stf"]["generated"], progress["stf"]["registered"])
    planned = 0 if execution.end_time else _planned(execution.parameter_values)
    progress["wanted"] = progress["total_stf_files"] or max(made, planned)
    cache.set(key, progress, KEPT_S)
    return progress


def _planned(resolved: Any) -> int:
    """STFs that the parameters ask for; 0 when they leave it open."""
    sections = {name: part for name, part in as_object(resolved).items() if as_object(part)}
    parameters = flat_parameters(sections)
    counts = [parameters.get(name) for name in (PERIODS, EACH)]
    known = [int(one) for one in counts if isinstance(one, int | float) and 0 < one < MOST_PLANNED]
    return known[0] * known[1] if len(known) == len(counts) else 0
