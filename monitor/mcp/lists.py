"""The envelope of lists, and what the models of answers have in common."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from django.db.models import F, QuerySet
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, ConfigDict, Field

from monitor.records.queries.counting import COUNTED, capped_count
from monitor.records.sizes import first_rows

NEWEST_OF_FEW = (F("id") + 0).desc()
"""Newest first, for rows that some index finds: ordered by the bare `id` PostgreSQL would rather
walk back through the whole table until it has met enough of them."""

Few = Annotated[int, Field(ge=1, le=100, description="items at most")]
Many = Annotated[int, Field(ge=1, le=200, description="items at most")]


class Record(BaseModel):
    """What a tool answers, made from a row of the database by its names."""

    model_config = ConfigDict(from_attributes=True)


Item = TypeVar("Item", bound=BaseModel)


def made(kind: type[Item], row: Any, **more: Any) -> Item:
    """An item from a row's values of the same names, and further ones that the row has not."""
    return kind(**{name: getattr(row, name, None) for name in kind.model_fields} | more)


class Page(BaseModel, Generic[Item]):
    """Some of the matches."""

    items: list[Item]
    total_count: int = Field(description="how many match")
    has_more: bool = Field(
        description="there are more than these: narrow the filters or the window of time"
    )
    total_is_capped: bool = Field(
        default=False, description=f"more than {COUNTED} match; counting stopped there"
    )


def page(
    rows: QuerySet[Any], limit: int, kind: type[Item], make: Callable[[Any], Item] | None = None
) -> Page[Item]:
    """The first rows of a query, in its order.

    :param make: an item from a row; default: the fields of the same names
    """
    found, has_more = first_rows(rows, limit)
    total, capped = capped_count(rows) if has_more else (len(found), False)
    items = [make(row) if make else kind.model_validate(row) for row in found]
    return Page[kind](  # type: ignore[valid-type]
        items=items,
        total_count=total,
        has_more=has_more,
        total_is_capped=capped,
    )


def whole(items: list[Item], kind: type[Item]) -> Page[Item]:
    """A list that has no more."""
    return Page[kind](items=items, total_count=len(items), has_more=False)  # type: ignore[valid-type]


def given(**filters: Any) -> dict[str, Any]:
    """The filters that have a value."""
    return {name: value for name, value in filters.items() if value is not None}


def one_of(text: str, states: type[StrEnum], name: str = "status") -> str:
    """A state by its name in whatever case.

    :raises ToolError: there is no such state
    """
    for state in states:
        if state.value.lower() == text.strip().lower():
            return state.value
    known = ", ".join(state.value for state in states)
    raise ToolError(f"{text!r:.60} is no {name}; there are: {known}")
