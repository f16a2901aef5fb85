"""What every message has in common: its fields, its JSON text and its STOMP headers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID, uuid4

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from swf_common.protocol.identifiers import Namespace, RunId


class MalformedMessage(ValueError):
    """A message body that cannot be understood."""


FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""A plain name: it becomes part of paths."""


def _as_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time lies outside of the calendar") from None


UtcTime = Annotated[datetime, AfterValidator(_as_utc)]


def utc_now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class Message(BaseModel):
    """Any message; fields that its type does not name are kept as they came."""

    model_config = ConfigDict(extra="allow")

    msg_type: str = Field(min_length=1, max_length=50)
    message_id: UUID = Field(default_factory=uuid4)
    namespace: Namespace | None = None
    sender: str | None = Field(default=None, max_length=100)
    timestamp: UtcTime = Field(default_factory=utc_now)
    execution_id: str | None = Field(default=None, max_length=100)
    run_id: RunId | None = None

    def body(self) -> str:
        """The JSON text that goes over the wire."""
        unknown = None if self.execution_id else {"execution_id"}
        return self.model_dump_json(exclude_none=True, exclude=unknown)

    def headers(self) -> dict[str, str]:
        """The STOMP headers that let a consumer or an operator select without decoding."""
        headers = {"persistent": "true", "msg_type": self.msg_type}
        for name in ("namespace", "execution_id", "run_id"):
            value = getattr(self, name)
            if value:
                headers[name] = value
        return headers

    def field(self, name: str) -> Any:
        """A field by name, declared by the type or not; None when absent."""
        if name in type(self).model_fields:
            return getattr(self, name)
        return (self.model_extra or {}).get(name)


def _none_is_empty(value: object) -> object:
    return "" if value is None else value


class AnnouncedFile(NamedTuple):
    """A file that can be verified: where it is, its size in bytes and its checksum."""

    url: str
    size_bytes: int
    checksum: str


class RunMessage(Message):
    """A message about a run. The execution is always known in ours; empty where the predecessor's
    name only the run. The runtime finds it before a handler sees the message.
    """

    execution_id: Annotated[str, BeforeValidator(_none_is_empty)] = Field(
        default="", max_length=100
    )
    run_id: RunId
