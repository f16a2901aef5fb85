"""From a plain function to a tool: failures in words, and a connection that is given back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.db import DataError, InterfaceError, OperationalError
from django.db.models import QuerySet
from mcp.server.mcpserver.exceptions import ToolError

from monitor.control.commands import NoAnswer, Refused
from monitor.records.database import own_connection


def in_words(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose failures a language model can read; it runs in a thread of its own."""

    @wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with own_connection():
            try:
                return function(*args, **kwargs)
            except (OperationalError, InterfaceError):
                raise ToolError("The database is away; try again in some seconds.") from None
            except DataError as error:
                reason = str(error).strip().splitlines()[0]
                raise ToolError(f"A value cannot be looked for: {reason}") from None

    return guarded


@contextmanager
def or_else(next_step: str) -> Iterator[None]:
    """Tell why something was not done, and what to do next."""
    try:
        yield
    except (NoAnswer, Refused) as error:
        raise ToolError(f"{error} Next: {next_step}") from None


def unknown(what: str, name: object, tool: str) -> ToolError:
    """There is no such thing; `tool` lists those that there are."""
    return ToolError(f"There is no {what} {str(name)[:100]!r}. Those that there are: {tool}")


def row_or_error(rows: QuerySet[Any], what: str, name: object, tool: str) -> Any:
    """The one row of a query.

    :raises ToolError: there is none
    """
    row = rows.first()
    if row is None:
        raise unknown(what, name, tool)
    return row
