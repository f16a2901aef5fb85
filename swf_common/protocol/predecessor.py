"""What the predecessor's programs send in another form, or with less in it, than ours.

Most of it needs nothing: the fields that they never send are optional in the models. This is the
rest (docs/predecessor.md).
"""

from __future__ import annotations

from typing import Any


def complete(content: dict[str, Any]) -> None:
    """Lift what stands only in the envelope: workers' `end_run` has all its facts in `content`."""
    inner = content.get("content")
    if content.get("msg_type") == "end_run" and isinstance(inner, dict):
        for name, value in inner.items():
            content.setdefault(name, value)


def passed_over(content: dict[str, Any]) -> str:
    """Why a message gives our agents nothing to do; empty when it does, or is no such message.

    These share only the name of their type with ours, or carry nothing that could be worked on.
    """
    kind, inner = content.get("msg_type"), content.get("content")
    facts = inner if isinstance(inner, dict) else {}
    if kind == "stf_ready" and "filename" not in content and "req_id" in content:
        return "stf_ready announces the first file of a dataset, without a name"
    if kind == "tf_file_registered" and "tf_file_id" in content and not content.get("file_url"):
        return "TF samples come without a file: they are not cut into slices"
    if kind == "slice" and "slice_id" in facts and "file_url" not in facts:
        return "slices come without a file: they are not processed"
    if kind == "slice_result" and "result" in facts and "worker_id" not in facts:
        return "results of slices come without a worker and counts: they are not added up"
    return ""
