"""Messages exactly as the predecessor's programs send them are understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swf_common.protocol.message import MalformedMessage, Message
from swf_common.protocol.messages import (
    EndRun,
    RunImminent,
    StfGen,
    StfReady,
    derived_message_id,
    parse,
    read_object,
)
from swf_common.protocol.predecessor import passed_over

COMMON = {
    "namespace": "torre1",
    "execution_id": "stf_datataking-wenauseic-0044",
    "run_id": "101988",
    "timestamp": "2026-01-13T10:11:12.345678",
    "simulation_tick": 13.1,
    "sender": "daq_simulator-agent-wenauseic-484",
}
BEAM = {"state": "beam", "substate": "not_ready"}
PHYSICS = {"state": "run", "substate": "physics"}
STF = {"filename": "swf.101988.000001.stf", "sequence": 1}
NO_FILE = dict.fromkeys(("file_url", "checksum", "size_bytes", "start", "end"))

RUNNER = [
    {**COMMON, **BEAM, "msg_type": "run_imminent"},
    {**COMMON, **PHYSICS, "msg_type": "start_run"},
    {**COMMON, **PHYSICS, **STF, "msg_type": "stf_gen"},
    {
        **COMMON,
        "msg_type": "pause_run",
        "state": "run",
        "substate": "standby",
        "reason": "Brief standby period",
    },
    {**COMMON, **PHYSICS, "msg_type": "resume_run"},
    {**COMMON, "msg_type": "end_run", "total_stf_files": 1},
]
"""What its runner sends in a run, in this order."""
STF_READY = {
    "msg_type": "stf_ready",
    "namespace": "torre1",
    "run_id": "101988",
    "simulation_tick": 13.1,
    "processed_by": "data-agent-wenauseic-3",
    "sender": "data-agent-wenauseic-3",
    **PHYSICS,
    **STF,
    **NO_FILE,
}
DATASET_READY = {
    "msg_type": "stf_ready",
    "namespace": "torre1",
    "sender": "data-agent-wenauseic-3",
    "req_id": 1,
    "run_id": "101988",
    "execution_id": "prompt_processing-wenauseic-0044",
}
SAMPLE = {
    "msg_type": "tf_file_registered",
    "namespace": "torre1",
    "run_id": "101988",
    "execution_id": None,
    "processed_by": "fastmon-agent-wenauseic-4",
    "tf_file_id": "11111111-2222-3333-4444-555555555555",
    "tf_filename": "swf.101988.000001_tf_001.tf",
    "tf_first": 0,
    "tf_last": 20,
    "tf_count": 21,
    "file_size_bytes": 21,
    "stf_filename": "swf.101988.000001.stf",
    "status": "registered",
}
SLICE = {
    "msg_type": "slice",
    "run_id": "101988",
    "created_at": "2026-01-13T10:11:12.345678",
    "content": {
        "run_id": "101988",
        "execution_id": "stf_datataking-wenauseic-0044",
        "req_id": "11111111-2222-3333-4444-555555555555",
        "filename": "swf.101988.000001.stf",
        "tf_filename": "swf.101988.000001_tf_001_slice_000.tf",
        "slice_id": 0,
        "start": 0,
        "end": 1,
        "tf_count": 2,
        "state": "queued",
        "substate": "new",
    },
}
SLICE_RESULT = {
    "msg_type": "slice_result",
    "run_id": "101988",
    "created_at": "2026-01-13T10:11:12.345678",
    "content": {
        "state": "done",
        "hostname": "worker",
        "panda_id": 8,
        "result": {"state": True, "result": {**SLICE["content"], "processed": True}, "error": None},  # type: ignore[dict-item]
    },
}
END_OF_WORKERS = {
    "msg_type": "end_run",
    "run_id": "101988",
    "created_at": "2026-01-13T10:11:12.345678",
    "content": {**COMMON, "msg_type": "end_run", "total_stf_files": 1},
}


@pytest.mark.parametrize("content", [*RUNNER, STF_READY], ids=lambda one: one["msg_type"])
def test_what_its_programs_send_is_understood(content: dict[str, Any]) -> None:
    message = parse(json.dumps(content))
    assert message.msg_type == content["msg_type"]
    assert type(message) is not Message
    assert message.message_id == derived_message_id(content)
    assert passed_over(content) == ""


def test_what_it_does_not_say_is_not_known() -> None:
    imminent, _, stf, _, resume, end = (parse(json.dumps(content)) for content in RUNNER)
    assert isinstance(imminent, RunImminent)
    assert (imminent.dataset, imminent.run_conditions) == (None, {})
    assert isinstance(stf, StfGen)
    assert (stf.file, stf.tf_count, stf.start) == (None, None, None)
    assert resume.field("reason") is None
    assert isinstance(end, EndRun)
    assert (end.state, end.reason, end.total_stf_files) == (None, None, 1)


def test_an_execution_that_is_not_named_is_not_sent_on() -> None:
    message = parse(json.dumps(STF_READY))
    assert isinstance(message, StfReady)
    assert message.execution_id == ""
    assert "execution_id" not in json.loads(message.body())
    assert "execution_id" not in message.headers()


def test_the_end_of_a_run_is_told_to_workers_in_an_envelope() -> None:
    message = parse(json.dumps(END_OF_WORKERS))
    assert isinstance(message, EndRun)
    assert (message.execution_id, message.total_stf_files) == (COMMON["execution_id"], 1)
    assert message.message_id == derived_message_id(read_object(json.dumps(END_OF_WORKERS)))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (DATASET_READY, "first file of a dataset"),
        (SAMPLE, "TF samples come without a file"),
        (SLICE, "slices come without a file"),
        (SLICE_RESULT, "results of slices come without"),
    ],
    ids=["dataset", "sample", "slice", "result"],
)
def test_what_gives_our_agents_nothing_to_do_is_passed_over(
    content: dict[str, Any], what: str
) -> None:
    assert what in passed_over(content)


@pytest.mark.parametrize(
    "content",
    [
        {"msg_type": "stf_ready"},
        {"msg_type": "tf_file_registered"},
        {"msg_type": "slice", "content": 3},
        {"msg_type": "slice_result", "content": {}},
        {"msg_type": "stf_gen", "run_id": "1"},
        {"msg_type": "end_run", "run_id": "1", "content": {"state": "nowhere"}},
        {"msg_type": "end_run", "content": []},
    ],
)
def test_garbage_is_not_passed_over(content: dict[str, Any]) -> None:
    assert passed_over(content) == ""
    with pytest.raises(MalformedMessage):
        parse(json.dumps(content))
