"""How far an execution is, as pages show it."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache

from monitor.records.models import WorkflowExecution
from monitor.records.progress import progress_of

KEPT_S = 1


def recent_progress(execution: WorkflowExecution) -> dict[str, Any]:
    """The progress of an execution, counted anew every second however many look at it; `wanted`
    is what STFs are measured against, as far as that is known.
    """
    key = f"progress-{execution.execution_id.encode().hex()}"[:250]
    known: dict[str, Any] | None = cache.get(key)
    if known is not None and known["status"] == execution.status:
        return known
    progress = progress_of(execution)
    made = max(progress["stf"]["generated"], progress["stf"]["registered"])
    progress["wanted"] = progress["total_stf_files"] or made
    cache.set(key, progress, KEPT_S)
    return progress
