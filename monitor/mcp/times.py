"""Times and windows of time, as tools take them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BeforeValidator, Field

from swf_common.protocol.message import utc_now


def read_time(value: Any) -> datetime | None:
    """A time of a parameter, in UTC; one without an offset is UTC.

    :raises ValueError: it is not an ISO 8601 text
    """
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, str) and not value.strip().isdecimal():
        try:
            moment = datetime.fromisoformat(value.strip())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"{value!r:.60} is no time; write ISO 8601, such as 2026-01-31T12:00:00Z")


Start = Annotated[
    datetime | None,
    BeforeValidator(read_time),
    Field(description="not before this moment; ISO 8601, UTC when it has no offset"),
]
End = Annotated[
    datetime | None,
    BeforeValidator(read_time),
    Field(description="not after this moment; ISO 8601, UTC when it has no offset; default: now"),
]


@dataclass(frozen=True)
class Window:
    """A stretch of time; None: unlimited on that side."""

    start: datetime | None
    end: datetime | None

    def of(self, field: str) -> dict[str, datetime]:
        """Conditions that a field of a query has to meet to lie inside."""
        limits = {f"{field}__gte": self.start, f"{field}__lte": self.end}
        return {name: moment for name, moment in limits.items() if moment is not None}


def window(
    start: datetime | None,
    end: datetime | None,
    usual: timedelta | None = None,
    now: datetime | None = None,
) -> Window:
    """The window that a caller means.

    :param usual: how far back it reaches when no start is given; None: to the beginning
    :raises ToolError: it ends before it starts
    """
    if start is not None and end is not None and start > end:
        raise ToolError("start_time lies after end_time: exchange them.")
    if start is None and usual is not None:
        start = (end or now or utc_now()) - usual
    return Window(start, end)
