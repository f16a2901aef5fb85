"""Registering and changing many STF files at once, safe to repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from monitor.records.bulk import change_rows, demand
from monitor.records.models import Run, StfFile
from swf_common.protocol.states import FileStatus


def register(rows: Sequence[dict[str, Any]]) -> None:
    """Register STF files; one that is registered already stays as it is.

    :raises UnknownRecords: a run has no record; nothing is stored
    """
    numbers = {row["run_number"] for row in rows}
    runs = dict(Run.objects.filter(run_number__in=numbers).values_list("run_number", "run_id"))
    demand("run_number", "run", numbers, runs.keys())
    files = [
        StfFile(
            run_id=runs[row["run_number"]],
            **{key: value for key, value in row.items() if key != "run_number"},
        )
        for row in rows
    ]
    StfFile.objects.bulk_create(files, ignore_conflicts=True)


def find(rows: Sequence[dict[str, Any]]) -> list[StfFile]:
    """The records of STF files that `register` was given, in the same order."""
    names = [row["stf_filename"] for row in rows]
    stored = StfFile.objects.select_related("run").in_bulk(names, field_name="stf_filename")
    return [stored[name] for name in names]


@transaction.atomic
def change(rows: Sequence[dict[str, Any]]) -> list[StfFile]:
    """Change status and metadata of STF files; metadata is merged key by key.

    Two agents work on an STF: that one has processed it does not undo that the other failed.

    :raises UnknownRecords: a file has no record; nothing is changed
    """
    statuses = dict(
        StfFile.objects.select_for_update()
        .filter(stf_filename__in=[row["stf_filename"] for row in rows])
        .order_by("pk")
        .values_list("stf_filename", "status")
    )
    return change_rows(
        StfFile.objects.select_related("run"),
        "stf_filename",
        "STF file",
        {row["stf_filename"]: _keep_failure(row, statuses) for row in rows},
        ["status"],
    )


def _keep_failure(row: dict[str, Any], statuses: dict[str, str]) -> dict[str, Any]:
    failed = statuses.get(row["stf_filename"]) == FileStatus.FAILED
    if failed and row.get("status") == FileStatus.PROCESSED:
        return {**row, "status": FileStatus.FAILED}
    return row
