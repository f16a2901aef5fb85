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
GATHER_S = 0.0006
"""Seconds for each client for which the hub lets events gather after it has handed some out: waking
a client and writing to it costs the same for one event as for twenty."""
LEAST_GATHER_S = 0.02
"""Seconds of that, also with a few clients."""
LONGEST_GATHER_S = 0.1
POLL_S = 5.0
"""Seconds after which the hub polls, in case a notification was lost."""
RETRY_S = 0.5
LISTEN = f"LISTEN {LIVE_CHANNEL}"


class Hub:
    """Reads new messages, changes of agents and log records, and hands them to the clients.

    Without a client it rests: the database announces nothing to it, and it sends no query.
    """

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.following = False
        self.readers = 0
        self._position: Position | None = None
        self._task: asyncio.Task[None] | None = None
        self._joining = 0
        self._wake = asyncio.Event()
        self._level = asyncio.Event()
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
        self._joining += 1
        try:
            self._wake.set()
            await self._level.wait()
            assert self._position is not None
            client.position = since or self._position
            if not self._behind(client.wanted, client.position):
                self.clients[client.id] = client
            yield []
            if client.id not in self.clients:
                async with aclosing(self._missed(client)) as pages:
                    async for frames in pages:
                        yield frames
        finally:
            self._joining -= 1

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
            if self._position is None:
                self._position = await newest(reading)
            self.following = True
            if self._level.is_set():  # clients stayed, and have missed what came meanwhile
                await listening.execute(LISTEN)
                await self._catch_up(reading, KINDS)
            while True:
                if not self._level.is_set() or not self._has_readers:
                    await self._rest(listening, reading)
                announced = {
                    notice.payload
                    async for notice in listening.notifies(timeout=POLL_S, stop_after=1)
                }
                await self._catch_up(reading, [k for k in KINDS if k in announced] or KINDS)
                gather_s = max(LEAST_GATHER_S, len(self.clients) * GATHER_S)
                await asyncio.sleep(min(gather_s, LONGEST_GATHER_S))

    @property
    def _has_readers(self) -> bool:
        return bool(self.clients) or self._joining > 0

    async def _rest(
        self, listening: psycopg.AsyncConnection[Any], reading: psycopg.AsyncConnection[Any]
    ) -> None:
        """Wait until a client joins, and follow from what is the newest then."""
        self._level.clear()
        if not self._has_readers:
            self._wake.clear()
            await listening.execute("UNLISTEN *")
            await self._wake.wait()
        await listening.execute(LISTEN)
        self._position = await newest(reading)
        self._level.set()

    def _offer(self, client: Client, events: Sequence[Event]) -> None:
        before = client.overflowed
        client.put(events)
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
        idle = [kind for kind in kinds if not self._is_wanted(kind)]
        if idle:
            level = await newest(connection, idle)
        for kind in kinds:
            assert self._position is not None
            if kind in idle and not self._is_wanted(kind):  # still nobody who would get it
                self._position = self._position.after(kind, level.of(kind))
                continue
            while True:
                page = await read_events(connection, kind, self._position.of(kind))
                if page.events:
                    self._position = self._position.after(kind, page.events[-1].id)
                    self._hand_out(page.events)
                if not page.more:
                    break

    def _is_wanted(self, kind: str) -> bool:
        return any(kind in client.wanted.kinds for client in self.clients.values())

    def _hand_out(self, events: Sequence[Event]) -> None:
        """Give each client what it wants; clients with equal wishes share one filtering."""
        chosen: dict[Any, list[Event]] = {}
        for client in list(self.clients.values()):
            key = client.wanted.key
            if key not in chosen:
                chosen[key] = [event for event in events if client.wanted.accepts(event)]
            self._offer(client, chosen[key])
