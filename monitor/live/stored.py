"""What the stream reads: rows of the database as events, in the order of their ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from monitor.live.events import EVENT_OF, FILTERS, Event, Position, Wanted
from monitor.records.sizes import MOST_BYTES, UPPER

PAGE = 500
"""Rows that are read at once."""
LARGE_COLUMNS = {
    "message": ("message_content",),
    "agent": ("description",),
    "log": ("message", "extra_data"),
}
CONTENT_COLUMNS = (
    "id",
    "message_id",
    "message_type",
    "sender_agent",
    "recipient_agent",
    "namespace",
    "execution_id",
    "run_id",
    "queue_name",
    "sent_at",
    "message_content",
)
SOURCES = {
    "message": ("swf_workflow_messages", CONTENT_COLUMNS),
    "agent": (
        "swf_agent_state_changes",
        (
            "id",
            "instance_name",
            "program",
            "namespace",
            "execution_id",
            "run_id",
            "operational_state",
            "status",
            "description",
            "changed_at",
        ),
    ),
    "log": (
        "swf_applog",
        (
            "id",
            "timestamp",
            "app_name",
            "instance_name",
            "level",
            "levelname",
            "message",
            "module",
            "funcname",
            "lineno",
            "namespace",
            "execution_id",
            "run_id",
            "extra_data",
        ),
    ),
}
FILTER_COLUMNS = {
    "message": {
        "msg_types": "message_type",
        "agents": "sender_agent",
        "run_ids": "run_id",
        "namespace": "namespace",
        "execution_id": "execution_id",
    },
    "agent": {
        "agents": "instance_name",
        "run_ids": "run_id",
        "namespace": "namespace",
        "execution_id": "execution_id",
    },
}
FILTER_COLUMNS["log"] = FILTER_COLUMNS["agent"]


@dataclass(frozen=True)
class Page:
    """Some events in their order; there may be more after them."""

    events: list[Event]
    more: bool


async def newest(connection: psycopg.AsyncConnection[Any]) -> Position:
    """The position after all that is stored."""
    values = {}
    for kind, (table, _) in SOURCES.items():
        query = sql.SQL("SELECT COALESCE(max(id), 0) FROM {}").format(sql.Identifier(table))
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
    table, columns = SOURCES[kind]
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
        sql.SQL(UPPER).format(sql.Identifier(column)) for column in LARGE_COLUMNS[kind]
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
        table=sql.Identifier(table),
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
