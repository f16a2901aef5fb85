"""Storing what workers made of slices: each slice counts once, in whatever order results come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from monitor.records import histograms
from monitor.records.bulk import UnknownRecords
from monitor.records.models import RunHistograms
from swf_common.protocol.states import SliceStatus

Row = Mapping[str, Any]

LOCK = """
SELECT id, tf_filename, slice_id, run_number, tf_count, status, retries, counted,
    CASE jsonb_typeof(metadata -> 'failures') WHEN 'array' THEN metadata -> 'failures' END
FROM swf_tf_slices
WHERE (tf_filename, slice_id) IN (SELECT * FROM unnest(%s::text[], %s::bigint[]))
ORDER BY id FOR UPDATE
"""
STORE = """
UPDATE swf_tf_slices AS s SET status = g.status, retries = g.retries, counted = g.counted,
    assigned_worker = g.assigned_worker, assigned_at = g.assigned_at,
    completed_at = CASE WHEN g.status = 'completed' THEN now() ELSE s.completed_at END,
    metadata = CASE jsonb_typeof(s.metadata) WHEN 'object' THEN s.metadata ELSE '{}' END
        || g.metadata,
    updated_at = now()
FROM jsonb_to_recordset(%s::jsonb) AS g(id bigint, status text, retries integer, counted boolean,
    assigned_worker text, assigned_at timestamptz, metadata jsonb)
WHERE s.id = g.id
"""
"""One statement for all slices of a request. Django's `bulk_update` makes an expression for each
field of each row. It took ten times as long as the rest of the request (decision 0038)."""


@dataclass
class SliceState:
    """The record of a slice, as far as results change it.

    :ivar id: the key of its record
    :ivar counted: whether its result is in the histograms of its run
    :ivar failures: the reasons of all tries that failed
    :ivar changes: further columns to store; empty: the slice stays as it is
    """

    id: int
    tf_filename: str
    slice_id: int
    run_number: int
    tf_count: int
    status: str
    retries: int
    counted: bool
    failures: list[Any]
    changes: dict[str, Any]

    def complete(self, row: Row) -> None:
        """Mark the slice as completed by a result."""
        self._change(row, SliceStatus.COMPLETED)

    def note_failure(self, row: Row) -> None:
        """Mark the slice as failed, or as queued again, after a try that failed."""
        self.failures.append(row.get("error", ""))
        if row["status"] == SliceStatus.QUEUED:
            self.retries = row["attempt"] + 1
        self._change(row, row["status"], failures=self.failures)

    def _change(self, row: Row, status: str, **metadata: Any) -> None:
        known = self.changes.get("metadata", {})
        assigned_at = row.get("assigned_at")
        self.status = status
        self.changes = {
            "assigned_worker": row.get("assigned_worker"),
            "assigned_at": assigned_at.isoformat() if assigned_at else None,
            "metadata": {**known, **row.get("metadata", {}), **metadata},
        }

    def as_stored(self) -> dict[str, Any]:
        """The slice as an element of the array that `STORE` takes."""
        facts = {name: getattr(self, name) for name in ("id", "status", "retries", "counted")}
        return {**facts, **self.changes}


@transaction.atomic
def store_results(rows: Sequence[Row]) -> list[SliceState]:
    """Mark slices, and add what was found in them to the histograms of their runs.

    A slice that is completed stays as it is: a repeated result changes nothing. One that somebody
    has set back is completed again, but its result was added and is not added again. A failure
    counts only for the try that it belongs to (`attempt`); one that failed for good may still be
    completed by a result that comes late.

    :return: for each row its slice, as it is now
    :raises UnknownRecords: a slice has no record; nothing is stored
    :raises histograms.MalformedHistograms: they cannot be added; nothing is stored
    """
    slices = _lock(rows)
    found: dict[int, list[tuple[SliceState, Row]]] = {}
    for row in rows:
        one = slices[row["tf_filename"], row["slice_id"]]
        if one.status == SliceStatus.COMPLETED:
            continue
        if row["status"] == SliceStatus.COMPLETED:
            one.complete(row)
            if not one.counted:  # a client may have set it back since
                one.counted = True
                found.setdefault(one.run_number, []).append((one, row))
        elif one.status != SliceStatus.FAILED and row["attempt"] >= one.retries:
            one.note_failure(row)
    _store(one for one in slices.values() if one.changes)
    for run_number in sorted(found):
        _add_to_run(run_number, found[run_number])
    return [slices[row["tf_filename"], row["slice_id"]] for row in rows]


def _lock(rows: Sequence[Row]) -> dict[tuple[str, int], SliceState]:
    wanted = sorted({(row["tf_filename"], row["slice_id"]) for row in rows})
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [[name for name, _ in wanted], [key for _, key in wanted]])
        locked = [
            SliceState(*row[:8], failures=json.loads(row[8] or "[]"), changes={})  # type: ignore[misc]
            for row in cursor.fetchall()
        ]
    slices = {(one.tf_filename, one.slice_id): one for one in locked}
    missing = [key for key in wanted if key not in slices]
    if missing:
        raise UnknownRecords("slice_id", "slice", [f"{key} of {name}" for name, key in missing])
    return slices


def _store(slices: Iterable[SliceState]) -> None:
    changed = json.dumps([one.as_stored() for one in slices])
    with connection.cursor() as cursor:
        cursor.execute(STORE, [changed])


def _add_to_run(run_number: int, found: list[tuple[SliceState, Row]]) -> None:
    RunHistograms.objects.bulk_create([RunHistograms(run_number=run_number)], ignore_conflicts=True)
    total = RunHistograms.objects.select_for_update().get(run_number=run_number)
    total.histograms = histograms.add_all(total.histograms, (row["histograms"] for _, row in found))
    total.slices += len(found)
    total.tfs += sum(one.tf_count for one, _ in found)
    total.hits += sum(row["hit_count"] for _, row in found)
    total.clusters += sum(row["cluster_count"] for _, row in found)
    total.save()
