"""The messages (docs/messages.md) as pydantic models, and how they are read and written.

A receiver is lenient: naive timestamps are UTC, a missing `message_id` is derived from the
content, further fields are kept, and fields that the predecessor's programs never send may be
missing. Our senders give every field.
"""

from __future__ import annotations

import json
import math
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import Field, ValidationError

from swf_common.protocol import predecessor
from swf_common.protocol.agent_control import (
    Done,
    KillAgent,
    ListAgents,
    Rejected,
    RestartAgent,
    StartAgent,
    StopAgent,
)
from swf_common.protocol.json_text import holds_nul, may_nest_too_deeply, nested_too_deeply
from swf_common.protocol.message import (
    FILE_NAME,
    AnnouncedFile,
    MalformedMessage,
    Message,
    RunMessage,
    UtcTime,
)
from swf_common.protocol.slices import RunImminentWorker, Slice, SliceResult, SliceResults
from swf_common.protocol.states import DaqState, DaqSubstate, EndReason, FileStatus

CONTENT_ID_SPACE = uuid5(NAMESPACE_URL, "swf-testbed/message")


class LifecycleMessage(RunMessage):
    """A step of the run, from the workflow-runner."""

    state: DaqState | None = None
    substate: DaqSubstate | None = None
    simulation_tick: float = Field(ge=0, description="simulated seconds since the start")


class RunImminent(LifecycleMessage):
    """A run is about to start: prepare."""

    msg_type: str = "run_imminent"
    run_conditions: dict[str, Any] = Field(default_factory=dict)
    dataset: str | None = None


class StartRun(LifecycleMessage):
    """The first physics period begins."""

    msg_type: str = "start_run"


class PauseRun(LifecycleMessage):
    """A standby between two physics periods begins."""

    msg_type: str = "pause_run"
    reason: str | None = None


class ResumeRun(LifecycleMessage):
    """The next physics period begins."""

    msg_type: str = "resume_run"
    reason: str | None = None


class EndRun(LifecycleMessage):
    """The run is over, for whatever `reason`."""

    msg_type: str = "end_run"
    total_stf_files: int = Field(ge=0)
    reason: EndReason | None = None


class StfGen(LifecycleMessage):
    """The DAQ has written a new STF into its exit buffer."""

    msg_type: str = "stf_gen"
    filename: str = Field(max_length=255, pattern=FILE_NAME)
    sequence: int = Field(ge=1, description="from 1, over all periods of the run")
    file_url: str | None = None
    checksum: str | None = Field(default=None, description="`<algorithm>:<hex digest>` of it")
    size_bytes: int | None = Field(default=None, ge=0)
    tf_count: int | None = Field(default=None, ge=0)
    start: UtcTime | None = None
    end: UtcTime | None = None

    @property
    def file(self) -> AnnouncedFile | None:
        """The STF's file; None where there is nothing to verify."""
        if self.file_url is None or self.size_bytes is None or self.checksum is None:
            return None
        return AnnouncedFile(self.file_url, self.size_bytes, self.checksum)


class StfReady(StfGen):
    """The data agent has verified and registered an STF."""

    msg_type: str = "stf_ready"
    processed_by: str


class StfFailed(RunMessage):
    """The data agent has found an STF missing or damaged, and registered it as failed."""

    msg_type: str = "stf_failed"
    filename: str = Field(max_length=255, pattern=FILE_NAME)
    reason: str
    processed_by: str


class TfFileRegistered(RunMessage):
    """The fastmon agent has written and registered a TF sample of an STF."""

    msg_type: str = "tf_file_registered"
    tf_file_id: UUID
    tf_filename: str = Field(max_length=255, pattern=FILE_NAME)
    tf_first: int = Field(ge=0, description="number of its first TF in the STF")
    tf_last: int = Field(ge=0)
    tf_count: int = Field(ge=0)
    file_url: str
    checksum: str = Field(description="`<algorithm>:<hex digest>` of the file")
    file_size_bytes: int = Field(ge=0)
    stf_filename: str = Field(max_length=255, pattern=FILE_NAME)
    status: FileStatus = FileStatus.REGISTERED


class ProcessingComplete(RunMessage):
    """The processing agent has processed a whole STF."""

    msg_type: str = "processing_complete"
    filename: str
    output_files: list[str]
    processing_time_ms: float = Field(ge=0)
    tf_count: int = Field(ge=0)
    hit_count: int = Field(ge=0)
    cluster_count: int = Field(ge=0)


class RunWorkflow(Message):
    """Command to the workflow-runner: run a workflow."""

    msg_type: str = "run_workflow"
    workflow_name: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")
    config: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]+$")
    realtime: bool = True
    duration: float = Field(
        default=0, ge=0, allow_inf_nan=False, description="simulated seconds; 0 = no limit"
    )
    params: dict[str, Any] = Field(default_factory=dict)
    resolved: dict[str, Any] | None = None
    agents: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="by key, `program` and `stages` of the agents' services, for the sections of "
        "the configuration that do not say them",
    )
    expires_at: UtcTime | None = Field(
        default=None, description="not to be carried out later than this"
    )


class StopWorkflow(Message):
    """Command to the workflow-runner: stop the running workflow."""

    msg_type: str = "stop_workflow"


class StatusRequest(Message):
    """Question to the workflow-runner: what are you doing?"""

    msg_type: str = "status_request"


CATALOGUE: dict[str, type[Message]] = {
    kind.model_fields["msg_type"].default: kind
    for kind in (
        RunImminent,
        StartRun,
        StfGen,
        PauseRun,
        ResumeRun,
        EndRun,
        StfReady,
        StfFailed,
        TfFileRegistered,
        ProcessingComplete,
        RunImminentWorker,
        Slice,
        SliceResult,
        SliceResults,
        RunWorkflow,
        StopWorkflow,
        StatusRequest,
        ListAgents,
        StartAgent,
        StopAgent,
        RestartAgent,
        KillAgent,
        Done,
        Rejected,
    )
}
"""Every message type that has a model of its own, by `msg_type`."""


def read_object(body: str | bytes) -> dict[str, Any]:
    """The JSON object in a message body.

    :raises MalformedMessage: the body is not a JSON object, or holds NUL characters.
    """
    try:
        content = json.loads(body, parse_float=_finite, parse_constant=_no_number)
    except ValueError as error:
        raise MalformedMessage(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise MalformedMessage("the body is nested too deeply") from None
    if not isinstance(content, dict):
        raise MalformedMessage(f"the body is a JSON {type(content).__name__}, not an object")
    if holds_nul(body if isinstance(body, bytes) else body.encode("utf-8", "replace")):
        raise MalformedMessage("the body holds a NUL character")
    if may_nest_too_deeply(body) and nested_too_deeply(content):
        raise MalformedMessage("the body is nested too deeply")
    return content


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        _no_number(text[:40])
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number that can be kept")


def execution_message_id(execution_id: str, step: str) -> UUID:
    """The id of an execution's message: the same step has the same id, whoever sends it."""
    return uuid5(NAMESPACE_URL, f"swf-testbed/{execution_id}/{step}")


def derived_message_id(content: dict[str, Any]) -> UUID:
    """The id of a message that carries none: the same content always gives the same id."""
    return uuid5(CONTENT_ID_SPACE, json.dumps(content, sort_keys=True, default=str))


def parse(body: str | bytes) -> Message:
    """The message in a body, as the model of its type, or as `Message` for other types.

    :raises MalformedMessage: not JSON, no `msg_type`, or a field that its type forbids.
    """
    return interpret(read_object(body))


def interpret(content: dict[str, Any]) -> Message:
    """The message that a decoded body is.

    :raises MalformedMessage: no `msg_type`, or a field that its type forbids
    """
    if content.get("message_id") is None:
        content["message_id"] = derived_message_id(content)
    predecessor.complete(content)
    model = CATALOGUE.get(str(content.get("msg_type")), Message)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise MalformedMessage(f"{where}: {first['msg']}") from None
