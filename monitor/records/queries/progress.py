"""How far an execution has come, counted from what is recorded."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Count

from monitor.records.models import (
    DeadLetter,
    Run,
    StfFile,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.queries.fast_progress import fast_progress
from monitor.records.queries.stages import stage_counts, stf_counts
from swf_common.protocol.json_values import as_count, as_object
from swf_common.protocol.progress import DAQ_PHASES
from swf_common.protocol.states import FileStatus


def progress_of(execution: WorkflowExecution, *, times: bool = True) -> dict[str, Any]:
    """Counts of one execution.

    :param times: measure the fast path too, which looks at every slice; else these are null

    `stf.generated` counts recorded `stf_gen` messages; `registered` all STF records of the run,
    `processed` and `failed` those with that status. `total_stf_files` is what `end_run` said,
    null while the run is open; `stf_sent` what the runner says it generated, null until then.
    `daq_phase` is that of the DAQ's run: unknown, imminent, running, paused or ended.
    `stf_sampled` counts STFs that fast monitoring is done with, those that failed too; its mark
    says so, since the status is that of processing as well. `stages` has, per stage of the agents
    that take part, how many came to their end there. `outputs` are those of the STFs that were
    processed: how many files, their size, and what was found in them.
    """
    kinds = dict(
        WorkflowMessage.objects.filter(execution_id=execution.execution_id)
        .values_list("message_type")
        .annotate(Count("id"))
    )
    lifecycle = list(
        WorkflowMessage.objects.filter(
            execution_id=execution.execution_id, message_type__in=DAQ_PHASES
        )
        .order_by("id")
        .values_list("message_type", "message_content")
    )
    end_run = next((content for kind, content in lifecycle if kind == "end_run"), None)
    statuses: dict[str, int] = dict(
        StfFile.objects.filter(run__run_number=execution.run_number or -1)
        .order_by()
        .values_list("status")
        .annotate(Count("file_id"))
    )
    run_ended = Run.objects.filter(
        run_number=execution.run_number or -1, end_time__isnull=False
    ).exists()
    metrics = as_object(execution.performance_metrics)
    done = statuses.get(FileStatus.PROCESSED, 0) + statuses.get(FileStatus.DONE, 0)
    counts = stf_counts(-1 if execution.run_number is None else execution.run_number)
    progress = {
        "execution_id": execution.execution_id,
        "run_id": None if execution.run_number is None else str(execution.run_number),
        "status": execution.status,
        "reason": execution.reason,
        "start_time": execution.start_time,
        "end_time": execution.end_time,
        "daq_phase": DAQ_PHASES[lifecycle[-1][0]] if lifecycle else "unknown",
        "total_stf_files": as_count(end_run.get("total_stf_files")) if end_run else None,
        "stf": {
            "generated": kinds.get("stf_gen", 0),
            "registered": sum(statuses.values()),
            "processed": done,
            "failed": statuses.get(FileStatus.FAILED, 0),
        },
        "outputs": _outputs(execution.run_number),
        "stf_sampled": counts["sampled"],
        **fast_progress(execution, times=times),
        "messages": sum(kinds.values()),
        "run_announced": "run_imminent" in kinds,
        "run_ended": run_ended,
        "stf_sent": as_count(metrics.get("stf_generated")),
        "dead_letters": DeadLetter.objects.filter(execution_id=execution.execution_id).count(),
    }
    return {**progress, "stages": stage_counts(execution, progress, counts)}


OUTPUTS = """
SELECT sum(jsonb_array_length(metadata -> 'outputs')),
    sum((SELECT sum((output -> 'size_bytes')::numeric)
        FROM jsonb_array_elements(metadata -> 'outputs') output
        WHERE jsonb_typeof(output -> 'size_bytes') = 'number')),
    sum((metadata -> 'hit_count')::numeric)
        FILTER (WHERE jsonb_typeof(metadata -> 'hit_count') = 'number'),
    sum((metadata -> 'cluster_count')::numeric)
        FILTER (WHERE jsonb_typeof(metadata -> 'cluster_count') = 'number')
FROM swf_stf_files
WHERE run_id = (SELECT run_id FROM swf_runs WHERE run_number = %s)
    AND status IN (%s, %s)
    AND jsonb_typeof(metadata -> 'outputs') = 'array'
"""
"""Metadata are whatever a client wrote: what is not a number does not count."""


def _outputs(run_number: int | None) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(OUTPUTS, [run_number, FileStatus.PROCESSED, FileStatus.DONE])
        row: Any = cursor.fetchone()
    names = ("files", "size_bytes", "hits", "clusters")
    return {name: int(value or 0) for name, value in zip(names, row, strict=True)}
