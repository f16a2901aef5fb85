"""Runs and the files that they have made."""

from __future__ import annotations

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Left

from monitor.records.models import FastMonFile, Run, StfFile, TFSlice
from monitor.records.queries import counting
from swf_common.protocol.states import FileStatus, SliceStatus

LONGEST_FAILURE = 200
"""Characters of a failure that lists show."""


def runs() -> QuerySet[Run]:
    """All runs, each with its `stf_file_count`."""
    return Run.objects.annotate(stf_file_count=counting.number_of(StfFile, "run"))


def stf_statuses(run: Run) -> dict[str, int]:
    """The STF files of a run by status; each status is there."""
    counts = counting.by(StfFile.objects.filter(run=run), "status")
    return {status.value: counts.get(status.value, 0) for status in FileStatus}


def stf_files() -> QuerySet[StfFile]:
    """All STF files, each with its run and its `tf_file_count`: the TF samples taken from it."""
    return StfFile.objects.select_related("run").annotate(
        tf_file_count=counting.number_of(FastMonFile, "stf_file")
    )


def samples() -> QuerySet[FastMonFile]:
    """All TF samples, each with its STF file and run."""
    rows = FastMonFile.objects.select_related("stf_file__run")
    return rows.defer("metadata", "stf_file__metadata", "stf_file__run__run_conditions")


def slices() -> QuerySet[TFSlice]:
    """All TF slices, each with the beginning of its `failure`, if it has one."""
    failures = (KeyTextTransform(name, "metadata") for name in ("failure", "failures"))
    why = Left(Coalesce(*failures), LONGEST_FAILURE)
    return TFSlice.objects.defer("metadata").annotate(failure=why)


def newest_slices(run_number: int, most: int) -> list[TFSlice]:
    """Slices of a run: first the failed ones, then the others, the newest first; of each status
    by its index.
    """
    found = [
        one
        for status in SliceStatus
        for one in slices().filter(run_number=run_number, status=status).order_by("-id")[:most]
    ]
    return sorted(found, key=lambda one: (one.status != SliceStatus.FAILED, -one.pk))[:most]
