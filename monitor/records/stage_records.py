"""Storing that agents have brought units to the end of a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.records.bulk import demand
from monitor.records.models import StageRecord, WorkflowExecution


def record(rows: Sequence[Mapping[str, Any]]) -> list[StageRecord]:
    """Record that units have come to their end at stages; the records, as they are now.

    What is recorded stays, so that repeating does no harm; but a failure becomes a success when a
    later try succeeds.

    :raises UnknownRecords: an execution has no record; nothing is stored
    """
    named = {row["execution_id"] for row in rows}
    known = WorkflowExecution.objects.filter(execution_id__in=named)
    demand("execution_id", "execution", named, set(known.values_list("execution_id", flat=True)))
    StageRecord.objects.bulk_create([StageRecord(**row) for row in rows], ignore_conflicts=True)
    keys = {(row["execution_id"], row["stage"], row["unit"]): row["failed"] for row in rows}
    stored = {
        (one.execution_id, one.stage, one.unit): one
        for one in StageRecord.objects.filter(
            execution_id__in=named,
            stage__in={stage for _, stage, _ in keys},
            unit__in={unit for _, _, unit in keys},
        )
    }
    mended = [one for key, one in stored.items() if one.failed and keys.get(key) is False]
    if mended:
        StageRecord.objects.filter(pk__in=[one.pk for one in mended]).update(failed=False)
        for one in mended:
            one.failed = False
    return [stored[row["execution_id"], row["stage"], row["unit"]] for row in rows]
