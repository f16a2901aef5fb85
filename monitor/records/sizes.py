"""How large rows are, so that what is read at once is bounded by bytes, not by rows alone: a
message may have a megabyte, and a thousand of them do not fit into the monitor's memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from typing import Any

from django.db.models import F, Func, IntegerField, JSONField, QuerySet, TextField

MOST_BYTES = 2**24
"""Bytes of large columns in one answer."""
PAGE_BYTES = 2**22
"""Bytes of large columns that are read at once where objects are made of them."""
PIECE = 500
"""Rows that are read at once, at most."""
AT_ONCE = threading.BoundedSemaphore(2)
"""Held while an answer of up to `MOST_BYTES` is put together: it takes some copies of it."""
MOST_COMPRESSED = 90
"""PostgreSQL (pglz) stores a value in at least a ninetieth of its size."""
UPPER = (
    "COALESCE(pg_column_size({0}), 0)"
    f" * CASE WHEN pg_column_compression({{0}}) IS NULL THEN 1 ELSE {MOST_COMPRESSED} END"
)
"""Bytes that a column has at most, without reading it."""


class UpperSize(Func):
    """Bytes that a column has at most; nothing of it is read."""

    template = UPPER.format("%(expressions)s")
    output_field = IntegerField()


class Size(Func):
    """Bytes of a column: exact, so that compressed values are read for it."""

    template = (
        "COALESCE(CASE WHEN pg_column_compression(%(expressions)s) IS NULL"
        " THEN pg_column_size(%(expressions)s) ELSE octet_length(%(expressions)s::text) END, 0)"
    )
    output_field = IntegerField()


def large_columns(rows: QuerySet[Any], names: Iterable[str] | None = None) -> list[str]:
    """The columns of a query that may be large.

    :param names: of these fields only
    """
    deferred, is_deferred = rows.query.deferred_loading
    wanted = None if names is None else set(names)
    return [
        field.name
        for field in rows.model._meta.concrete_fields
        if isinstance(field, JSONField | TextField)
        and (wanted is None or field.name in wanted)
        and not (is_deferred and field.name in deferred)
    ]


def size_of(rows: QuerySet[Any], kind: type[Func] = Size) -> Any:
    """The size of a row of a query, as an expression; None when no column can be large."""
    columns = [kind(F(name)) for name in large_columns(rows)]
    return reduce(add, columns) if columns else None


def fitting(sizes: Iterable[int], most: int = PAGE_BYTES) -> int:
    """How many rows of these sizes, from the first on, have so many bytes; at least one."""
    total = count = 0
    for size in sizes:
        total += size
        if count and total > most:
            break
        count += 1
    return count


def first_rows(rows: QuerySet[Any], count: int) -> tuple[list[Any], bool]:
    """The first rows of a query, as many as have `PAGE_BYTES`; whether there are more.

    :param count: rows, at most
    """
    size = size_of(rows)
    if size is None:
        found = list(rows[: count + 1])
        return found[:count], len(found) > count
    sized = list(rows.values_list("pk", size)[: count + 1])
    kept = fitting(size for _, size in sized[:count])
    if not kept:
        return [], False
    # by their keys: newer rows may have come meanwhile
    return list(rows.filter(pk__in=[key for key, _ in sized[:kept]])), len(sized) > kept


def in_pieces(rows: QuerySet[Any], limit: int) -> Iterator[tuple[Any, int]]:
    """The first rows of a query, each with its size, read `PAGE_BYTES` at a time."""
    size, upper = size_of(rows), size_of(rows, UpperSize)
    if size is None:
        yield from ((row, 0) for row in rows[:limit])
        return
    keys = list(rows.values_list("pk", upper)[:limit])
    while keys:
        count = fitting(most for _, most in keys[:PIECE])
        piece = rows.filter(pk__in=[key for key, _ in keys[:count]])
        yield from ((row, row.own_size) for row in piece.annotate(own_size=size))
        del keys[:count]
