"""Registering and changing many STF files at once, safe to repeat."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from monitor.records.models import Run, StfFile


class UnknownRuns(Exception):
    """STF files name runs that have no record."""


class UnknownFiles(Exception):
    """Changes name STF files that have no record."""


def register(rows: list[dict[str, Any]]) -> list[StfFile]:
    """Register STF files; one that is registered already stays as it is.

    :raises UnknownRuns: a run has no record; nothing is stored
    """
    numbers = {row["run_number"] for row in rows}
    runs = dict(Run.objects.filter(run_number__in=numbers).values_list("run_number", "run_id"))
    missing = sorted(numbers - runs.keys())
    if missing:
        raise UnknownRuns(", ".join(map(str, missing)))
    files = [
        StfFile(
            run_id=runs[row["run_number"]],
            **{key: value for key, value in row.items() if key != "run_number"},
        )
        for row in rows
    ]
    StfFile.objects.bulk_create(files, ignore_conflicts=True)
    names = [row["stf_filename"] for row in rows]
    stored = StfFile.objects.select_related("run").in_bulk(names, field_name="stf_filename")
    return [stored[name] for name in names]


@transaction.atomic
def change(rows: list[dict[str, Any]]) -> list[StfFile]:
    """Change status and metadata of STF files; metadata is merged key by key.

    :raises UnknownFiles: a file has no record; nothing is changed
    """
    changes = {row["stf_filename"]: row for row in rows}
    files = list(
        StfFile.objects.select_for_update(of=("self",))
        .select_related("run")
        .filter(stf_filename__in=changes)
        .order_by("file_id")
    )
    missing = sorted(changes.keys() - {file.stf_filename for file in files})
    if missing:
        raise UnknownFiles(", ".join(missing))
    for file in files:
        row = changes[file.stf_filename]
        file.status = row.get("status", file.status)
        file.metadata = {**(file.metadata or {}), **row.get("metadata", {})}
    StfFile.objects.bulk_update(files, ["status", "metadata"])
    return files
