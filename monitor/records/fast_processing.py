"""Registering and changing many TF samples and slices at once, safe to repeat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from monitor.records.bulk import change_rows, demand
from monitor.records.models import FastMonFile, StfFile, TFSlice

REGISTER_SLICES = """
INSERT INTO swf_tf_slices (slice_id, fastmon_file_id, tf_first, tf_last, tf_count, tf_filename,
    stf_filename, run_number, status, retries, metadata, created_at, updated_at)
SELECT g.slice_id, f.tf_file_id, g.tf_first, g.tf_last, g.tf_count, f.tf_filename,
    s.stf_filename, r.run_number, 'queued', 0, g.metadata, now(), now()
FROM jsonb_to_recordset(%s::jsonb) AS g(tf_filename text, slice_id bigint, tf_first bigint,
        tf_last bigint, tf_count bigint, metadata jsonb)
    JOIN swf_fastmon_files f USING (tf_filename)
    JOIN swf_stf_files s ON s.file_id = f.stf_file_id
    JOIN swf_runs r ON r.run_id = s.run_id
ORDER BY f.tf_file_id, g.slice_id
ON CONFLICT DO NOTHING
"""
"""Parents are locked in the order of their keys (migration 0005), so that two writers cannot wait
for each other."""


def register_samples(rows: Sequence[dict[str, Any]]) -> None:
    """Register TF samples; one that is registered already stays as it is.

    :raises UnknownRecords: an STF file has no record; nothing is stored
    """
    parents = StfFile.objects.in_bulk({row["stf_file"] for row in rows}, field_name="stf_filename")
    demand("stf_file", "STF file", {row["stf_file"] for row in rows}, parents.keys())
    fresh = [FastMonFile(**{**row, "stf_file": parents[row["stf_file"]]}) for row in rows]
    fresh.sort(key=lambda sample: sample.stf_file_id)  # parents are locked in the order of keys
    FastMonFile.objects.bulk_create(fresh, ignore_conflicts=True)


def find_samples(rows: Sequence[dict[str, Any]]) -> list[FastMonFile]:
    """The records of TF samples that are registered, in the order of the rows."""
    names = [row["tf_filename"] for row in rows]
    samples = FastMonFile.objects.select_related("stf_file__run")
    stored = samples.in_bulk(names, field_name="tf_filename")
    return [stored[name] for name in names]


@transaction.atomic
def change_samples(rows: Sequence[dict[str, Any]]) -> list[FastMonFile]:
    """Change status and metadata of TF samples; metadata is merged key by key.

    :raises UnknownRecords: a TF file has no record; nothing is changed
    """
    return change_rows(
        FastMonFile.objects.select_related("stf_file__run"),
        "tf_filename",
        "TF file",
        {row["tf_filename"]: {**row, "updated_at": timezone.now()} for row in rows},
        ["status", "updated_at"],
    )


def register_slices(rows: Sequence[dict[str, Any]]) -> None:
    """Register slices of registered TF files; one that is registered already stays as it is.

    :raises UnknownRecords: a TF file has no record; nothing is stored
    """
    names = {row["tf_filename"] for row in rows}
    known = FastMonFile.objects.filter(tf_filename__in=names).values_list("tf_filename", flat=True)
    demand("tf_filename", "TF file", names, set(known))
    with connection.cursor() as cursor:
        cursor.execute(REGISTER_SLICES, [json.dumps(rows)])


def find_slices(rows: Sequence[dict[str, Any]]) -> list[TFSlice]:
    """The records of slices that are registered, in the order of the rows."""
    stored = {
        (one.fastmon_file.tf_filename, one.slice_id): one
        for one in TFSlice.objects.select_related("fastmon_file").filter(
            fastmon_file__tf_filename__in={row["tf_filename"] for row in rows}
        )
        if one.fastmon_file
    }
    return [stored[row["tf_filename"], row["slice_id"]] for row in rows]


@transaction.atomic
def change_slices(rows: Sequence[dict[str, Any]]) -> list[TFSlice]:
    """Change slices; metadata is merged key by key.

    :raises UnknownRecords: a slice has no record; nothing is changed
    """
    now = timezone.now()
    return change_rows(
        TFSlice.objects.select_related("fastmon_file"),
        "id",
        "slice",
        {row["id"]: {**row, "updated_at": now} for row in rows},
        ["status", "retries", "assigned_worker", "assigned_at", "completed_at", "updated_at"],
    )
