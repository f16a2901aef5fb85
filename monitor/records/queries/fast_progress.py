"""How far fast processing of a run has come, counted from what is recorded."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Count, Q, Sum

from monitor.records.models import (
    FastMonFile,
    RunHistograms,
    TFSlice,
    WorkflowExecution,
    WorkflowMessage,
)
from swf_common.protocol.states import SliceStatus

TIMES = """
SELECT count(*),
    percentile_cont(%(quantiles)s) WITHIN GROUP (
        ORDER BY extract(epoch FROM s.completed_at - a.sent_at)),
    percentile_cont(%(quantiles)s) WITHIN GROUP (
        ORDER BY extract(epoch FROM s.created_at - a.sent_at)),
    percentile_cont(%(quantiles)s) WITHIN GROUP (
        ORDER BY extract(epoch FROM s.completed_at - s.created_at)),
    extract(epoch FROM max(s.completed_at) - min(s.created_at))
FROM swf_tf_slices s
    JOIN unnest(%(names)s::text[], %(times)s::timestamptz[]) AS a (stf_filename, sent_at)
    ON a.stf_filename = s.stf_filename
WHERE s.run_number = %(run)s AND s.status = 'completed'
"""
"""The announcements come as arrays: their number is known then. Joined with the messages, of which
the database took one row for granted, 50 STFs with 3,700 slices took 680 ms (decision 0038)."""
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
SPANS = ("latency_s", "latency_to_slice_s", "latency_to_result_s")
NO_TIMES: dict[str, Any] = {**dict.fromkeys(SPANS), "slices_per_s": None}
"""Of a run without a processed slice."""


def fast_progress(execution: WorkflowExecution, *, times: bool = True) -> dict[str, Any]:
    """Counts of the fast path of one execution.

    :param times: look at every slice for the quantiles too; else they are null

    `tfs` are time frames: in the samples, in slices, in results. `hits` and `clusters` are those in
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
    tfs_in_slices = slices.pop("tfs") or 0
    return {
        "tf_files": samples["files"],
        "slices": slices,
        "tfs": {
            "sampled": samples["tfs"] or 0,
            "in_slices": tfs_in_slices,
            "in_results": done.tfs if done else 0,
        },
        "hits": done.hits if done else 0,
        "clusters": done.clusters if done else 0,
        **(
            _times(execution.execution_id, run_number)
            if times and slices["completed"]
            else NO_TIMES
        ),
    }


def _times(execution_id: str, run_number: int) -> dict[str, Any]:
    """Quantiles over the slices of three spans in seconds: `latency_s` from the announcement of
    its STF until its result was stored, of which `latency_to_slice_s` until it was registered and
    `latency_to_result_s` from then on. `slices_per_s`: from the first slice to the last result.
    """
    announced = WorkflowMessage.objects.filter(
        execution_id=execution_id, message_type="stf_gen"
    ).values_list("message_content__filename", "sent_at")
    times = {name: sent_at for name, sent_at in announced.iterator() if isinstance(name, str)}
    wanted: dict[str, Any] = {
        "quantiles": list(QUANTILES.values()),
        "names": list(times),
        "times": list(times.values()),
        "run": run_number,
    }
    with connection.cursor() as cursor:
        cursor.execute(TIMES, wanted)
        row: Any = cursor.fetchone()
    count, *spans, elapsed = row
    if not count:
        return NO_TIMES
    rate = round(count / float(elapsed), 2) if elapsed else None
    return {
        **{name: _named(values) for name, values in zip(SPANS, spans, strict=True)},
        "slices_per_s": rate,
    }


def _named(values: list[Any] | None) -> dict[str, float] | None:
    """Quantiles by name; None where no slice has both times, as the predecessor's agents give no
    `completed_at`.
    """
    if values is None:
        return None
    seconds = [round(float(value), 3) for value in values]
    return dict(zip(QUANTILES, seconds, strict=True))
