"""What the stream reads: rows of the database as events, in the order of their ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db.models import Model
from psycopg import sql
from psycopg.rows import dict_row

from monitor.live.events import EVENT_OF, FILTER_COLUMNS, FILTERS, KINDS, Event, Position, Wanted
from monitor.records.models import AgentStateChange, AppLog, WorkflowMessage
from monitor.records.sizes import MOST_BYTES, UPPER, large_columns

PAGE = 500
"""Rows that are read at once."""
SOURCES: dict[str, type[Model]] = {
    "message": WorkflowMessage,
    "agent": AgentStateChange,
    "log": AppLog,
}
LEFT_OUT = {
    "message": ("message_metadata", "recorded_at", "correlation_id"),
    "agent": ("agent_id",),
    "log": ("process", "thread"),
}
"""Columns that no event shows."""


def columns_of(kind: str) -> list[str]:
    """The columns of which events of a kind are made."""
    fields = SOURCES[kind]._meta.concrete_fields
    return [field.attname for field in fields if field.attname not in LEFT_OUT[kind]]


@dataclass(frozen=True)
class Page:
    """Some events in their order; there may be more after them."""

    events: list[Event]
    more: bool


async def newest(
    connection: psycopg.AsyncConnection[Any], kinds: Iterable[str] = KINDS
) -> Position:
    """The position after all that is stored of some kinds; 0 for the others."""
    values = {}
    for kind in kinds:
        table = sql.Identifier(SOURCES[kind]._meta.db_table)
        query = sql.SQL("SELECT COALESCE(max(id), 0) FROM {}").format(table)
        cursor = await connection.execute(query)
        row = await cursor.fetchone()
        values[kind] = row[0] if row else 0
    return Position(**values)


async def read_events(
    connection: psycopg.AsyncConnection[Any],
    kind: str,
    after: int,
    end: int | None = None,
    wanted: Wanted | None = None,
    most: int = MOST_BYTES,
) -> Page:
    """A page of events of one kind with ids in (after, end] that a client wants, in order.

    :param most: bytes of their contents, unless the first event has more
    """
    columns, model = columns_of(kind), SOURCES[kind]
    conditions = [sql.SQL("id > {}").format(after)]
    if end is not None:
        conditions.append(sql.SQL("id <= {}").format(end))
    for name in FILTERS:
        column = FILTER_COLUMNS[kind].get(name)
        if wanted is not None and name in wanted.values and column is not None:
            values = sorted(wanted.values[name])
            conditions.append(
                sql.SQL("{} = ANY({})").format(sql.Identifier(column), sql.Literal(values))
            )
    size = sql.SQL(" + ").join(
        sql.SQL(UPPER).format(sql.Identifier(column))
        for column in large_columns(model._default_manager.all(), columns)
    )
    query = sql.SQL(
        "SELECT {columns}, upto FROM ("
        " SELECT *, sum({size}) OVER (ORDER BY id) AS upto, {size} AS size FROM ("
        "  SELECT {columns} FROM {table} WHERE {conditions} ORDER BY id LIMIT {page}"
        " ) AS page"
        ") AS sized WHERE upto - size < {most} ORDER BY id"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        size=size,
        table=sql.Identifier(model._meta.db_table),
        conditions=sql.SQL(" AND ").join(conditions),
        page=PAGE,
        most=most,
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query)
        rows = await cursor.fetchall()
    upto = [row.pop("upto") for row in rows]
    more = len(rows) == PAGE or (bool(upto) and upto[-1] >= most)
    return Page([EVENT_OF[kind](row) for row in rows], more)
