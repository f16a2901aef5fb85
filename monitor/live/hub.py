"""Following what is stored: one connection listens, reads new rows once, and hands them out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from monitor.live.database import AWAY, connect
from monitor.live.events import EVENT_OF, FILTERS, KINDS, Event, Position, Wanted

log = logging.getLogger(__name__)

CHANNEL = "swf_live"
PAGE = 500
"""Rows that are read at once."""
CAPACITY = 5_000
CAPACITY_CHARACTERS = 2**24
"""Events that may wait for one client, and the length of their data; who is further behind is
dropped."""
CHUNK_CHARACTERS = 2**20
"""Length of what is sent at once."""
STALLED_S = 10.0
"""Seconds after which a dropped client that does not even read so is cut off."""
READERS = 4
"""Clients that catch up at the same time: each takes a connection for a page."""
LOOK_S = 5.0
"""Seconds after which the hub looks by itself, should a notification have been lost."""
RETRY_S = 0.5
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


class Client:
    """One reader of the stream, and what waits for it."""

    def __init__(self, wanted: Wanted) -> None:
        self.id = str(uuid4())
        self.wanted = wanted
        self.position = Position()
        self.overflowed = False
        self.task = asyncio.current_task() if _in_a_loop() else None
        self._waiting: deque[Event] = deque()
        self._waiting_characters = 0
        self._arrived = asyncio.Event()

    def offer(self, events: Sequence[Event]) -> None:
        """Queue the events that the client wants; too many, and it is dropped."""
        wanted = [event for event in events if self.wanted.accepts(event)]
        if not wanted or self.overflowed:
            return
        self._waiting.extend(wanted)
        self._waiting_characters += sum(len(event.data) for event in wanted)
        if len(self._waiting) > CAPACITY or self._waiting_characters > CAPACITY_CHARACTERS:
            self.overflowed = True
            self._waiting.clear()
        self._arrived.set()

    async def take(self, timeout: float) -> list[str]:
        """What waits, as frames, up to a chunk; nothing when nothing came in `timeout` seconds."""
        if not self._waiting and not self.overflowed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._arrived.wait()
        events: list[Event] = []
        characters = 0
        while self._waiting and characters < CHUNK_CHARACTERS:
            events.append(self._waiting.popleft())
            characters += len(events[-1].data)
        self._waiting_characters -= characters
        if not self._waiting:
            self._arrived.clear()
        return self.frames(events)

    def frames(self, events: Sequence[Event]) -> list[str]:
        """Events as frames, each with the position that the client has reached with it."""
        frames = []
        for event in events:
            self.position = self.position.after(event.kind, event.id)
            frames.append(event.frame(self.position))
        return frames


class Hub:
    """Reads new messages, changes of agents and log records, and hands them to the clients."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.following = False
        self.readers = 0
        self._position: Position | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._reading = asyncio.Semaphore(READERS)

    def start(self) -> None:
        """Begin to follow; call it on the event loop."""
        self._task = asyncio.create_task(self._follow_for_ever())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def join(self, client: Client, since: Position | None) -> AsyncIterator[list[str]]:
        """Hand a client what it has missed since a position, then every new event.

        Yields pages of frames, an empty one first: from then on nothing is missed. Once this ends,
        the client gets its events by `take`. In between nothing comes twice: it becomes a client
        of the hub at the very moment at which it is level with it.
        """
        await self._ready.wait()
        assert self._position is not None
        client.position = since or self._position
        if not self._behind(client.wanted, client.position):
            self.clients[client.id] = client
        yield []
        if client.id not in self.clients:
            async for frames in self._missed(client):
                yield frames

    def _behind(self, wanted: Wanted, reached: Position) -> list[str]:
        """The kinds of which the hub has read more than a client at that position."""
        assert self._position is not None
        level = self._position
        return [k for k in KINDS if k in wanted.kinds and reached.of(k) < level.of(k)]

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self.clients.pop(client.id, None)

    async def _missed(self, client: Client) -> AsyncIterator[list[str]]:
        reached = client.position
        while True:
            assert self._position is not None
            level = self._position
            behind = self._behind(client.wanted, reached)
            if not behind:
                self.clients[client.id] = client
                return
            for kind in behind:
                end = level.of(kind)
                async with self._reading, await connect() as connection:
                    events = await _read(connection, kind, reached.of(kind), end, client.wanted)
                full = len(events) == PAGE
                reached = reached.after(kind, events[-1].id if full else end)
                if events:
                    yield client.frames(events)

    async def _follow_for_ever(self) -> None:
        while True:
            try:
                await self._follow()
            except AWAY as error:
                log.warning("the live stream waits for the database: %s", error)
            except Exception:
                log.exception("the live stream has to connect again")
            self.following = False
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        # two connections: what is announced while a query runs would not be seen on its own one
        async with await connect() as listening, await connect() as reading:
            await listening.execute(f"LISTEN {CHANNEL}")
            if self._position is None:
                self._position = await _newest(reading)
                self._ready.set()
            self.following = True
            await self._catch_up(reading, KINDS)
            while True:
                announced = {
                    notice.payload
                    async for notice in listening.notifies(timeout=LOOK_S, stop_after=1)
                }
                await self._catch_up(reading, [k for k in KINDS if k in announced] or KINDS)

    def _offer(self, client: Client, events: Sequence[Event]) -> None:
        before = client.overflowed
        client.offer(events)
        if client.overflowed and not before:
            asyncio.get_running_loop().call_later(STALLED_S, self._cut_off, client)

    def _cut_off(self, client: Client) -> None:
        """End a dropped client that is still here: it reads nothing at all."""
        if client.id in self.clients and client.task is not None:
            log.warning("client %s of the live stream does not read; it is cut off", client.id)
            client.task.cancel()

    async def _catch_up(
        self, connection: psycopg.AsyncConnection[Any], kinds: Sequence[str]
    ) -> None:
        if not self.clients:
            newest = await _newest(connection)
            if not self.clients:  # still nobody who would get what lies between
                self._position = newest
                return
        for kind in kinds:
            while True:
                assert self._position is not None
                events = await _read(connection, kind, self._position.of(kind))
                if events:
                    self._position = self._position.after(kind, events[-1].id)
                    for client in list(self.clients.values()):
                        self._offer(client, events)
                if len(events) < PAGE:
                    break


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _newest(connection: psycopg.AsyncConnection[Any]) -> Position:
    """The position after all that is stored."""
    values = {}
    for kind, (table, _) in SOURCES.items():
        query = sql.SQL("SELECT COALESCE(max(id), 0) FROM {}").format(sql.Identifier(table))
        cursor = await connection.execute(query)
        row = await cursor.fetchone()
        values[kind] = row[0] if row else 0
    return Position(**values)


async def _read(
    connection: psycopg.AsyncConnection[Any],
    kind: str,
    after: int,
    end: int | None = None,
    wanted: Wanted | None = None,
) -> list[Event]:
    """A page of events of one kind with ids in (after, end] that a client wants, in order."""
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
    query = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY id LIMIT {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(table),
        sql.SQL(" AND ").join(conditions),
        PAGE,
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query)
        return [EVENT_OF[kind](row) for row in await cursor.fetchall()]
