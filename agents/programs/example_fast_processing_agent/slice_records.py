"""Slices and their results: as messages to workers, and as records at the monitor."""

from __future__ import annotations

from typing import Any

from agents.data.slicing import Slice as Cut
from swf_common.protocol.messages import TfFileRegistered
from swf_common.protocol.slices import ProcessedSlice, ResultContent, SliceContent, request_id
from swf_common.protocol.states import SliceStatus

MOST_RETRIES = 3
"""How often a slice is sent again after it failed."""


def slice_record(message: TfFileRegistered, cut: Cut, created_by: str) -> dict[str, Any]:
    """A slice of a TF sample as an element of `POST tf-slices/`.

    :param created_by: the agent's instance name
    """
    return {
        "tf_filename": message.tf_filename,
        "slice_id": cut.slice_id,
        "tf_first": cut.tf_first,
        "tf_last": cut.tf_last,
        "tf_count": cut.tf_count,
        "metadata": {
            "execution_id": message.execution_id,
            "created_by": created_by,
            "slice_filename": cut.filename,
        },
    }


def slice_content(message: TfFileRegistered, cut: Cut) -> SliceContent:
    """A slice of a TF sample as a worker gets it, for its first try."""
    return SliceContent(
        execution_id=message.execution_id,
        run_id=message.run_id,
        req_id=request_id(message.execution_id, message.tf_filename, cut.slice_id, 0),
        filename=message.stf_filename,
        tf_filename=cut.filename,
        slice_id=cut.slice_id,
        start=cut.tf_first,
        end=cut.tf_last,
        tf_count=cut.tf_count,
        sample_filename=message.tf_filename,
        file_url=message.file_url,
        checksum=message.checksum,
        file_size_bytes=message.file_size_bytes,
    )


def next_try(tried: ProcessedSlice, attempt: int) -> SliceContent:
    """A slice that failed, as a worker gets it to try again."""
    content = {name: getattr(tried, name) for name in SliceContent.model_fields}
    req_id = request_id(tried.execution_id, tried.sample_filename, tried.slice_id, attempt)
    again = {"req_id": req_id, "attempt": attempt, "state": "queued", "substate": "retry"}
    return SliceContent(**{**content, **again})


def result_record(content: ResultContent) -> dict[str, Any]:
    """A result as an element of `POST tf-slices/results/`. A failure asks for another try, until
    `MOST_RETRIES` have failed.
    """
    tried = tried_slice(content)
    record = {
        "tf_filename": tried.sample_filename,
        "slice_id": tried.slice_id,
        "attempt": tried.attempt,
        "assigned_worker": content.worker_id,
        "assigned_at": content.processing_start_at.isoformat(),
        "metadata": {
            "req_id": str(content.req_id),
            "worker_hostname": content.hostname,
            "processed_at": content.processed_at.isoformat(),
            "processing_time": content.processing_time,
        },
    }
    if content.state == "done":
        return {
            **record,
            "status": SliceStatus.COMPLETED,
            "hit_count": tried.hit_count,
            "cluster_count": tried.cluster_count,
            "histograms": tried.histograms,
        }
    last = tried.attempt >= MOST_RETRIES
    status = SliceStatus.FAILED if last else SliceStatus.QUEUED
    return {**record, "status": status, "error": content.result.error}


def tried_slice(content: ResultContent) -> ProcessedSlice:
    """The slice that a result is of."""
    return content.result.result
