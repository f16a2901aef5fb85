"""The stages of executions, and how far each one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q

from monitor.records.models import StageRecord, StfFile, WorkflowExecution
from swf_common.configuration.participants import all_known, participants, stages_of
from swf_common.protocol.progress import (
    BUILT_IN,
    PROCESSED,
    SAMPLED,
    SLICES_PROCESSED,
    built_in_stages,
)
from swf_common.protocol.states import FileStatus

MARKS = {PROCESSED: "processed_by", SAMPLED: "sampled_by"}
"""What the agent of a stage adds to the metadata of an STF when it has come to its end with it,
well or not. The status cannot say: an STF has one, and two agents."""
SAMPLES_MARK = "tf_files"
"""What the metadata of an STF say when its samples are written."""
REJECTED = Q(status=FileStatus.FAILED) & ~Q(metadata__has_any_keys=list(MARKS.values()))
"""An STF that failed when it was registered: nobody is told that it is ready."""
UNSAMPLED = Q(metadata__has_key=MARKS[SAMPLED]) & ~Q(metadata__has_key=SAMPLES_MARK)


def stf_counts(run_number: int) -> dict[str, int]:
    """How many STFs of a run fast monitoring is done with, and how many nobody gets: the keyword
    arguments of `built_in_stages`.
    """
    counts: dict[str, int] = StfFile.objects.filter(run__run_number=run_number).aggregate(
        sampled=Count("pk", filter=Q(metadata__has_key=MARKS[SAMPLED]) | REJECTED),
        unsampled=Count("pk", filter=UNSAMPLED),
        rejected=Count("pk", filter=REJECTED),
    )
    return counts


def stage_counts(
    execution: WorkflowExecution, progress: Mapping[str, Any], counts: Mapping[str, int]
) -> dict[str, Mapping[str, int]]:
    """Per stage, how many came to their end there, `done` well and `failed`; where agents record
    the stage, also how many of the failed were `rejected` before, so that no agent got them.

    The stages are those of the agents that take part. Where it is not known of all what they
    account for, it is also every stage at which something was seen.

    :param progress: the other counts of the execution
    :param counts: what `stf_counts` gave
    """
    found = participants(execution.parameter_values)
    named = stages_of(found)
    tfs, slices = progress["tfs"], progress["slices"]
    counted = dict(built_in_stages(progress["stf"], tfs, slices, **counts))
    if not all_known(found) or any(stage not in BUILT_IN for stage in named):
        counted |= _recorded(execution, named)
    if all_known(found):
        return {stage: counts for stage, counts in counted.items() if stage in named}
    seen = {stage for stage, one in counted.items() if one["done"] or stage not in BUILT_IN}
    seen |= {SLICES_PROCESSED} if slices["created"] else set()
    return {stage: one for stage, one in counted.items() if stage in {*named, *seen}}


def _recorded(execution: WorkflowExecution, named: Sequence[str]) -> dict[str, dict[str, int]]:
    """The counts of stages that agents record; a rejected STF failed at each of them."""
    rows = (
        StageRecord.objects.filter(execution_id=execution.execution_id)
        .order_by("stage")
        .values_list("stage")
        .annotate(
            succeeded=Count("pk", filter=Q(failed=False)),
            not_succeeded=Count("pk", filter=Q(failed=True)),
        )
    )
    found = {stage: {"done": done, "failed": failed} for stage, done, failed in rows}
    for stage in named:
        if stage not in BUILT_IN:
            found.setdefault(stage, {"done": 0, "failed": 0})
    for stage, one in found.items():
        if rejected := _rejected_before(execution, stage):
            one |= {"failed": one["failed"] + rejected, "rejected": rejected}
    return found


def _rejected_before(execution: WorkflowExecution, stage: str) -> int:
    """STFs that nobody got, and of which the stage therefore has no record."""
    own = StageRecord.objects.filter(
        execution_id=execution.execution_id, stage=stage, unit=OuterRef("stf_filename")
    )
    number = -1 if execution.run_number is None else execution.run_number
    files = StfFile.objects.filter(REJECTED, run__run_number=number)
    return files.filter(~Exists(own)).count()
