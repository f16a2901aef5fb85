"""Messages between the fast-processing agent and its workers, in the predecessor's envelope.

The field `content` holds what they are about; the fields that every message of ours has are beside
it (docs/messages.md).
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from swf_common.protocol.identifiers import RunId
from swf_common.protocol.message import FILE_NAME, RunMessage, UtcTime, utc_now

SLICE_LIFETIME_S = 12 * 3600
"""Seconds after which a slice that no worker has taken is a dead letter."""


class WorkerMessage(RunMessage):
    """A message to or from workers; `created_at` is when it was made."""

    created_at: UtcTime = Field(default_factory=utc_now)


class Content(BaseModel):
    """What a message is about; fields that are not named here are kept as they came."""

    model_config = ConfigDict(extra="allow")


class WorkersWanted(Content):
    """How many workers a run wants, and how long a slice takes them; null when nobody said."""

    execution_id: str
    run_id: RunId
    core_count: int | None = Field(default=None, ge=0)
    target_worker_count: int | None = Field(default=None, ge=0)
    slice_processing_time: float | None = Field(default=None, ge=0, description="seconds")
    worker_rampup_time: float | None = Field(default=None, ge=0, description="seconds")
    worker_rampdown_time: float | None = Field(default=None, ge=0, description="seconds")


class SliceContent(Content):
    """A slice: TFs `start` to `end` of a TF sample, both included, by their numbers in the STF.

    :param filename: the STF's file name
    :param tf_filename: a name for the slice, which has no file
    :param sample_filename: the file name of the TF sample that it is a part of
    :param attempt: how many times it was tried before
    """

    execution_id: str = Field(max_length=100)
    run_id: RunId
    req_id: UUID
    filename: str = Field(max_length=255, pattern=FILE_NAME)
    tf_filename: str = Field(max_length=255, pattern=FILE_NAME)
    slice_id: int = Field(ge=0)
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    tf_count: int = Field(ge=0)
    state: str = "queued"
    substate: str = "new"
    sample_filename: str = Field(max_length=255, pattern=FILE_NAME)
    file_url: str
    checksum: str
    file_size_bytes: int = Field(ge=0)
    attempt: int = Field(default=0, ge=0)


class ProcessedSlice(SliceContent):
    """A slice with what was found in it; the counts and `histograms` are null when it failed.

    :param histograms: in compact form (`swf_common.histograms`), or by name in UHI form
    """

    processed: bool
    actual_processing_time: float = Field(ge=0, description="seconds")
    hit_count: int | None = Field(default=None, ge=0)
    cluster_count: int | None = Field(default=None, ge=0)
    histograms: dict[str, Any] | None = None


class SliceOutcome(Content):
    """Whether a slice was processed, the slice, and why it was not."""

    state: bool
    result: ProcessedSlice
    error: str = ""


class ResultContent(Content):
    """One try at a slice: by whom and when, and what came of it."""

    req_id: UUID
    state: Literal["done", "failed"]
    requested_at: UtcTime
    processing_start_at: UtcTime
    processed_at: UtcTime
    processing_time: float = Field(ge=0, description="seconds")
    hostname: str
    worker_id: str = Field(max_length=255)
    result: SliceOutcome


class RunImminentWorker(WorkerMessage):
    """A run is about to start: workers prepare."""

    msg_type: str = "run_imminent_worker"
    content: WorkersWanted


class Slice(WorkerMessage):
    """A slice to be processed by any one worker.

    :param accepts: message types, beside `slice_result`, with which a worker may answer
    """

    msg_type: str = "slice"
    content: SliceContent
    accepts: list[str] = Field(default_factory=list)


class SliceResult(WorkerMessage):
    """What a worker made of a slice."""

    msg_type: str = "slice_result"
    content: ResultContent


class ResultsContent(Content):
    """Results of slices of one run that a worker has processed together."""

    results: list[ResultContent] = Field(min_length=1)


class SliceResults(WorkerMessage):
    """What a worker made of several slices at once. It answers only slices whose sender accepts
    it, because the predecessor's agents know only `slice_result`.
    """

    msg_type: str = "slice_results"
    content: ResultsContent


def request_id(execution_id: str, sample_filename: str, slice_id: int, attempt: int) -> UUID:
    """The `req_id` of one try at a slice: the same try always has the same one."""
    return uuid5(
        NAMESPACE_URL, f"swf-testbed/{execution_id}/{sample_filename}/{slice_id}/{attempt}"
    )
