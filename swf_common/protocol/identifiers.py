"""Forms of the identifiers that the parts of the testbed exchange."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

NAMESPACE_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,39}$"
CONTAINER_ID_PATTERN = r"^[0-9a-f]{12,64}$"

Namespace = Annotated[str, StringConstraints(pattern=NAMESPACE_PATTERN)]
ContainerId = Annotated[str, StringConstraints(pattern=CONTAINER_ID_PATTERN)]


def _digits(value: object) -> object:
    """Run ids are strings of digits on the wire; older senders may write an integer."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


RunId = Annotated[str, BeforeValidator(_digits), StringConstraints(pattern=r"^[0-9]{1,18}$")]


def same_container(one: str, other: str) -> bool:
    """Whether two container ids, each of 12 to 64 hex digits, name the same container."""
    if min(len(one), len(other)) < 12:
        return False
    return one.startswith(other) or other.startswith(one)


def is_namespace(text: str) -> bool:
    """Whether `text` is a valid namespace."""
    return re.fullmatch(NAMESPACE_PATTERN, text) is not None


def input_dataset(run_id: str) -> str:
    """The name of the dataset that a run's STFs belong to."""
    return f"swf.{run_id}.run"


def output_dataset(run_id: str) -> str:
    """The name of the dataset that the outputs of processing a run belong to."""
    return f"swf.{run_id}.processed"
