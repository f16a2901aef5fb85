"""Registering and changing many TF samples and slices at once, safe to repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from monitor.records.bulk import change_rows, demand
from monitor.records.models import FastMonFile, StfFile, TFSlice


def register_samples(rows: Sequence[dict[str, Any]]) -> list[FastMonFile]:
    """Register TF samples; one that is registered already stays as it is.

    :raises UnknownRecords: an STF file has no record; nothing is stored
    """
    parents = StfFile.objects.in_bulk({row["stf_file"] for row in rows}, field_name="stf_filename")
    demand("stf_file", "STF file", {row["stf_file"] for row in rows}, parents.keys())
    fresh = [FastMonFile(**{**row, "stf_file": parents[row["stf_file"]]}) for row in rows]
    fresh.sort(key=lambda sample: sample.stf_file_id)  # parents are locked in the order of keys
    FastMonFile.objects.bulk_create(fresh, ignore_conflicts=True)
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


def register_slices(rows: Sequence[dict[str, Any]]) -> list[TFSlice]:
    """Register slices of registered TF files; one that is registered already stays as it is.

    :raises UnknownRecords: a TF file has no record; nothing is stored
    """
    names = {row["tf_filename"] for row in rows}
    samples = FastMonFile.objects.select_related("stf_file__run").in_bulk(
        names, field_name="tf_filename"
    )
    demand("tf_filename", "TF file", names, samples.keys())
    fresh = [
        TFSlice(
            **row,
            fastmon_file=samples[row["tf_filename"]],
            stf_filename=samples[row["tf_filename"]].stf_file.stf_filename,
            run_number=samples[row["tf_filename"]].stf_file.run.run_number,
        )
        for row in rows
    ]
    # parents are locked in the order of keys; the slices of one stay in order
    fresh.sort(key=lambda one: samples[one.tf_filename].pk)
    TFSlice.objects.bulk_create(fresh, ignore_conflicts=True)
    stored = {
        (one.fastmon_file_id, one.slice_id): one
        for one in TFSlice.objects.select_related("fastmon_file").filter(
            fastmon_file__in=samples.values()
        )
    }
    return [stored[samples[row["tf_filename"]].pk, row["slice_id"]] for row in rows]


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
