"""Following what is stored: one connection listens, reads new rows once, and hands them out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import psycopg

from monitor.live.clients import Client
from monitor.live.events import KINDS, Event, Position, Wanted
from monitor.live.stored import newest, read_events
from monitor.records.database import AWAY, LIVE_CHANNEL, connect
from monitor.records.sizes import PAGE_BYTES

log = logging.getLogger(__name__)

STALLED_S = 10.0
"""Seconds after which a dropped client that does not even read so is cut off."""
READERS = 4
"""Clients that catch up at the same time: each takes a connection for a page, and memory until the
page is sent."""
GATHER_S = 0.0002
"""Seconds for each client that the hub lets new events gather after it has handed some out: many
small pieces cost each client as much as a few large ones."""
LONGEST_GATHER_S = 0.1
POLL_S = 5.0
"""Seconds after which the hub polls, in case a notification was lost."""
RETRY_S = 0.5


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

    async def join(self, client: Client, since: Position | None) -> AsyncGenerator[list[str]]:
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
            async with aclosing(self._missed(client)) as pages:
                async for frames in pages:
                    yield frames

    def _behind(self, wanted: Wanted, reached: Position) -> list[str]:
        """The kinds of which the hub has read more than a client at that position."""
        assert self._position is not None
        level = self._position
        return [k for k in KINDS if k in wanted.kinds and reached.of(k) < level.of(k)]

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self.clients.pop(client.id, None)

    async def _missed(self, client: Client) -> AsyncGenerator[list[str]]:
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
                async with self._reading:
                    async with await connect() as connection:
                        page = await read_events(
                            connection, kind, reached.of(kind), end, client.wanted, PAGE_BYTES
                        )
                    reached = reached.after(kind, page.events[-1].id if page.more else end)
                    if page.events:
                        frames = client.frames(page.events)
                        del page
                        stalled = asyncio.get_running_loop().call_later(
                            STALLED_S, self._cut_off, client
                        )
                        try:
                            yield frames
                        finally:
                            stalled.cancel()

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
            await listening.execute(f"LISTEN {LIVE_CHANNEL}")
            if self._position is None:
                self._position = await newest(reading)
                self._ready.set()
            self.following = True
            await self._catch_up(reading, KINDS)
            while True:
                announced = {
                    notice.payload
                    async for notice in listening.notifies(timeout=POLL_S, stop_after=1)
                }
                await self._catch_up(reading, [k for k in KINDS if k in announced] or KINDS)
                await asyncio.sleep(min(len(self.clients) * GATHER_S, LONGEST_GATHER_S))

    def _offer(self, client: Client, events: Sequence[Event]) -> None:
        before = client.overflowed
        client.offer(events)
        if client.overflowed and not before:
            asyncio.get_running_loop().call_later(STALLED_S, self._end_of_dropped, client)

    def _end_of_dropped(self, client: Client) -> None:
        """End a dropped client that is still here."""
        if client.id in self.clients:
            self._cut_off(client)

    def _cut_off(self, client: Client) -> None:
        """End a client that reads nothing at all."""
        if client.task is not None:
            log.warning("client %s of the live stream does not read; it is cut off", client.id)
            client.cut_off = True
            client.task.cancel()

    async def _catch_up(
        self, connection: psycopg.AsyncConnection[Any], kinds: Sequence[str]
    ) -> None:
        if not self.clients:
            level = await newest(connection)
            if not self.clients:  # still nobody who would get what lies between
                self._position = level
                return
        for kind in kinds:
            while True:
                assert self._position is not None
                page = await read_events(connection, kind, self._position.of(kind))
                if page.events:
                    self._position = self._position.after(kind, page.events[-1].id)
                    for client in list(self.clients.values()):
                        self._offer(client, page.events)
                if not page.more:
                    break
