"""How far an execution is, as pages show it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.core.cache import cache

from monitor.records.models import WorkflowExecution
from monitor.records.queries.progress import progress_of
from swf_common.configuration.model import flat_parameters
from swf_common.protocol.json_values import as_object
from swf_common.protocol.progress import GENERATED, in_words, planned_stfs

KEPT_S = 1
"""Seconds for which a count is kept, at least."""
KEPT_FACTOR = 20
"""Counting takes long in a long run. A count is kept at least so many times longer."""


def recent_progress(execution: WorkflowExecution) -> dict[str, Any]:
    """The progress of an execution, counted once a second for all viewers, or less often where
    counting takes long. `wanted` is how many STFs there will be, as far as that is known; `rows`
    are the stages as a page shows them.
    """
    key = f"progress-{sha256(execution.execution_id.encode()).hexdigest()}"
    known: dict[str, Any] | None = cache.get(key)
    if known is not None and known["status"] == execution.status:
        return known
    began = time.monotonic()
    progress = progress_of(execution)
    made = max(progress["stf"]["generated"], progress["stf"]["registered"])
    sections = {
        name: part
        for name, part in as_object(execution.parameter_values).items()
        if as_object(part)
    }
    planned = 0 if execution.end_time else planned_stfs(flat_parameters(sections))
    progress["wanted"] = progress["total_stf_files"] or max(made, planned)
    progress["rows"] = stage_rows(progress)
    cache.set(key, progress, max(KEPT_S, KEPT_FACTOR * (time.monotonic() - began)))
    return progress


def stage_rows(progress: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per stage at which there is something to do: its name for people, how many are `done` there,
    `failed` there and came to their `ended`, and of how many (`total`).
    """
    wholes = {
        "stf": progress["wanted"],
        "tfs": progress["tfs"]["sampled"],
        "slices": progress["slices"]["created"],
    }
    generated = {GENERATED: {"done": progress["stf"]["generated"], "failed": 0}}
    return [
        {"label": in_words(stage), **counts, "ended": sum(counts.values()), "total": total}
        for stage, counts in {**generated, **progress["stages"]}.items()
        if (total := wholes.get(stage.partition(".")[0], 0))
    ]
