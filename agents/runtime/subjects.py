"""What a message is about, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swf_common.protocol.message import Message

FILES = ("filename", "tf_filename", "sample_filename", "stf_filename")
"""Fields that name the file of a message, the closest one first."""


def subject_of(message: Message) -> str:
    """What a message is about: its file or slice, else its run; empty when it names none."""
    content = message.model_dump(mode="json")
    inner: Any = content
    while isinstance(inner, Mapping):
        for name in FILES:
            if isinstance(inner.get(name), str):
                number = inner.get("slice_id")
                return f"{inner[name]} slice {number}" if number is not None else inner[name]
        # a slice is in `content`, that of a result in `content.result.result`
        inner = inner.get("content") or inner.get("result")
    return f"run {message.run_id}" if message.run_id else ""
