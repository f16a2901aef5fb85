"""Slices and their results on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from swf_common.protocol.message import MalformedMessage, Message
from swf_common.protocol.messages import parse
from swf_common.protocol.slices import Slice, SliceContent, request_id

EXECUTION = "fast_processing-jane-0001"
SAMPLE = "swf.100010.000001_tf_001.tf"


def content(**changes: Any) -> dict[str, Any]:
    return {
        "execution_id": EXECUTION,
        "run_id": "100010",
        "req_id": request_id(EXECUTION, SAMPLE, 3, 0),
        "filename": "swf.100010.000001.stf",
        "tf_filename": "swf.100010.000001_tf_001_slice_003.tf",
        "slice_id": 3,
        "start": 26,
        "end": 27,
        "tf_count": 2,
        "sample_filename": SAMPLE,
        "file_url": f"file:///data/tf-samples/{SAMPLE}",
        "checksum": "sha256:00",
        "file_size_bytes": 10,
        **changes,
    }


def a_slice(**changes: Any) -> Slice:
    inner = SliceContent.model_validate(content(**changes))
    return Slice(execution_id=EXECUTION, run_id="100010", content=inner)


def test_a_slice_comes_back_as_it_was_sent() -> None:
    sent = a_slice(panda_task_id=7)
    received: Message = parse(sent.body())
    assert received == sent
    assert isinstance(received, Slice)
    assert received.content.state == "queued"
    assert received.content.model_extra == {"panda_task_id": 7}


@pytest.mark.parametrize(
    "changes", [{"slice_id": -1}, {"tf_filename": "../../etc/passwd"}, {"attempt": -1}]
)
def test_a_slice_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    body = a_slice().model_dump(mode="json")
    body["content"].update(changes)
    with pytest.raises(MalformedMessage, match="content"):
        parse(Message.model_validate(body).body())


def test_each_try_at_a_slice_has_an_id_that_is_always_the_same() -> None:
    ids = {
        request_id(execution, sample, number, attempt)
        for execution in (EXECUTION, "fast_processing-jane-0002")
        for sample in (SAMPLE, "another.tf")
        for number in (0, 1)
        for attempt in (0, 1)
    }
    assert len(ids) == 16
    assert request_id(EXECUTION, SAMPLE, 3, 1) == request_id(EXECUTION, SAMPLE, 3, 1)
