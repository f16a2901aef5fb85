"""How far fast processing of a run has come, counted from what is recorded."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Count, Q, Sum

from monitor.records.models import (
    FastMonFile,
    RunHistograms,
    StfFile,
    TFSlice,
    WorkflowExecution,
)
from testbed.protocol.states import FileStatus, SliceStatus

TIMES = """
SELECT count(*),
    percentile_cont(ARRAY[0.5, 0.9, 0.99, 1]) WITHIN GROUP (
        ORDER BY extract(epoch FROM s.completed_at - m.sent_at)),
    extract(epoch FROM max(s.completed_at) - min(s.created_at))
FROM swf_tf_slices s JOIN swf_workflow_messages m
    ON m.message_content ->> 'filename' = s.stf_filename
WHERE m.execution_id = %s AND m.message_type = 'stf_gen'
    AND s.run_number = %s AND s.status = 'completed'
"""


def fast_progress(execution: WorkflowExecution) -> dict[str, Any]:
    """Counts of the fast path of one execution.

    `stf_sampled` counts STFs that the fastmon agent is done with, those that failed too. `tfs`
    are time frames: in the samples, in slices, in results. `hits` and `clusters` are those in
    the run's histograms.
    """
    run_number = -1 if execution.run_number is None else execution.run_number
    samples = FastMonFile.objects.filter(stf_file__run__run_number=run_number).aggregate(
        files=Count("tf_file_id"), tfs=Sum("tf_count")
    )
    slices: dict[str, Any] = TFSlice.objects.filter(run_number=run_number).aggregate(
        created=Count("id"),
        completed=Count("id", filter=Q(status=SliceStatus.COMPLETED)),
        failed=Count("id", filter=Q(status=SliceStatus.FAILED)),
        tfs=Sum("tf_count"),
    )
    done = RunHistograms.objects.filter(run_number=run_number).defer("histograms").first()
    sampled = StfFile.objects.filter(run__run_number=run_number).filter(
        Q(metadata__has_key="tf_files") | Q(status=FileStatus.FAILED)
    )
    tfs_in_slices = slices.pop("tfs") or 0
    return {
        "stf_sampled": sampled.count(),
        "tf_files": samples["files"],
        "slices": slices,
        "tfs": {
            "sampled": samples["tfs"] or 0,
            "in_slices": tfs_in_slices,
            "in_results": done.tfs if done else 0,
        },
        "hits": done.hits if done else 0,
        "clusters": done.clusters if done else 0,
        **(_times(execution.execution_id, run_number) if slices["completed"] else NO_TIMES),
    }


NO_TIMES: dict[str, Any] = {"latency_s": None, "slices_per_s": None}
"""Of a run without a processed slice."""


def _times(execution_id: str, run_number: int) -> dict[str, Any]:
    """`latency_s`: seconds from an STF's announcement until the result of one of its slices was
    stored, as quantiles over the slices. `slices_per_s`: from the first slice to the last result.
    """
    with connection.cursor() as cursor:
        cursor.execute(TIMES, [execution_id, run_number])
        row: Any = cursor.fetchone()
    count, quantiles, elapsed = row
    if not count:
        return NO_TIMES
    seconds = [round(float(value), 3) for value in quantiles]
    rate = round(count / float(elapsed), 2) if elapsed else None
    names = ("p50", "p90", "p99", "max")
    return {"latency_s": dict(zip(names, seconds, strict=True)), "slices_per_s": rate}
