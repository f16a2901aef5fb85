"""Storing what workers made of slices: each slice counts once, in whatever order results come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from monitor.records import histograms
from monitor.records.bulk import UnknownRecords
from monitor.records.models import RunHistograms, TFSlice
from swf_common.protocol.states import SliceStatus

Row = Mapping[str, Any]
CHANGED = (
    "status",
    "retries",
    "assigned_worker",
    "assigned_at",
    "completed_at",
    "updated_at",
    "metadata",
    "counted",
)


@transaction.atomic
def store_results(rows: Sequence[Row]) -> list[TFSlice]:
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
    now = timezone.now()
    found: dict[int, list[tuple[TFSlice, Row]]] = {}
    for row in rows:
        one = slices[row["tf_filename"], row["slice_id"]]
        if one.status == SliceStatus.COMPLETED:
            continue
        if row["status"] == SliceStatus.COMPLETED:
            _complete(one, row, now)
            if not one.counted:  # a client may have set it back since
                one.counted = True
                found.setdefault(one.run_number, []).append((one, row))
        elif one.status != SliceStatus.FAILED and row["attempt"] >= one.retries:
            _note_failure(one, row, now)
    TFSlice.objects.bulk_update(slices.values(), CHANGED)
    for run_number in sorted(found):
        _add_to_run(run_number, found[run_number])
    return [slices[row["tf_filename"], row["slice_id"]] for row in rows]


def _lock(rows: Sequence[Row]) -> dict[tuple[str, int], TFSlice]:
    wanted = {(row["tf_filename"], row["slice_id"]) for row in rows}
    candidates = (
        TFSlice.objects.select_for_update(of=("self",))
        .select_related("fastmon_file")
        .filter(
            tf_filename__in={name for name, _ in wanted}, slice_id__in={key for _, key in wanted}
        )
        .order_by("pk")
    )
    slices = {
        (one.tf_filename, one.slice_id): one
        for one in candidates
        if (one.tf_filename, one.slice_id) in wanted
    }
    missing = sorted(wanted - slices.keys())
    if missing:
        raise UnknownRecords("slice_id", "slice", [f"{key} of {name}" for name, key in missing])
    return slices


def _complete(one: TFSlice, row: Row, now: datetime) -> None:
    one.status = SliceStatus.COMPLETED
    one.completed_at = one.updated_at = now
    one.assigned_worker = row.get("assigned_worker")
    one.assigned_at = row.get("assigned_at")
    one.metadata = {**(one.metadata or {}), **row.get("metadata", {})}


def _note_failure(one: TFSlice, row: Row, now: datetime) -> None:
    reasons = (one.metadata or {}).get("failures", [])
    one.status = row["status"]
    one.updated_at = now
    one.assigned_worker = row.get("assigned_worker")
    one.assigned_at = row.get("assigned_at")
    if row["status"] == SliceStatus.QUEUED:
        one.retries = row["attempt"] + 1
    one.metadata = {
        **(one.metadata or {}),
        **row.get("metadata", {}),
        "failures": [*reasons, row.get("error", "")],
    }


def _add_to_run(run_number: int, found: list[tuple[TFSlice, Row]]) -> None:
    RunHistograms.objects.bulk_create([RunHistograms(run_number=run_number)], ignore_conflicts=True)
    total = RunHistograms.objects.select_for_update().get(run_number=run_number)
    for one, row in found:
        part = histograms.dense(row["histograms"])
        total.histograms = histograms.add(total.histograms, part)
        total.slices += 1
        total.tfs += one.tf_count
        total.hits += row["hit_count"]
        total.clusters += row["cluster_count"]
    total.save()
