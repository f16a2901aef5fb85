"""The endpoint of the live stream: no thread, as many clients as there may be, and its ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.routing import Route

from monitor.live import stream as stream_module
from monitor.live.admission import Admission
from monitor.live.callers import Caller, Callers, Kind
from monitor.live.clients import Client
from monitor.live.events import Event
from monitor.live.hub import Hub
from monitor.live.stream import MAX_CLIENTS, PATH, StreamEndpoint
from swf_common.protocol.states import Role
from tests.unit.monitor.asking import Asked, application
from tests.waiting import eventually_async

PATIENCE_S = 10.0
KEY = {"authorization": "Token viewer"}


class Viewers(Callers):
    """Whoever asks may read, until `ended`."""

    ended = False

    async def by(self, kind: Kind, value: str) -> Caller | None:
        return Caller(value, frozenset() if self.ended else frozenset({Role.VIEWER}))


class Level(Hub):
    """A hub with which every client is level."""

    async def join(self, client: Client, since: Any) -> AsyncGenerator[list[str]]:
        self.clients[client.id] = client
        yield []


class Listening(Asked):
    """A client that stays until it is told to go."""

    def __init__(self, endpoint: StreamEndpoint, **options: Any) -> None:
        super().__init__(application(Route(PATH, endpoint)), PATH, headers=KEY, **options)
        self.gone = asyncio.Event()
        self.task = asyncio.create_task(self.run())

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def connected(self) -> Listening:
        await eventually_async(lambda: b"connected" in self.body, "the client is connected")
        return self

    async def leave(self) -> None:
        self.gone.set()
        await self.task


def test_as_many_clients_as_there_may_be_cost_no_thread_and_the_next_is_sent_away() -> None:
    async def use() -> None:
        hub = Level()
        endpoint = StreamEndpoint(hub, Admission(Viewers()))
        before = threading.active_count()
        clients = [Listening(endpoint) for _ in range(MAX_CLIENTS)]
        for client in clients:
            await client.connected()
        assert threading.active_count() == before
        assert len(hub.clients) == hub.readers == MAX_CLIENTS
        one_more = Listening(endpoint)
        await one_more.task
        assert one_more.status == 503
        assert int(one_more.headers["retry-after"]) >= 1
        assert str(MAX_CLIENTS) in one_more.answer["detail"]
        await clients.pop().leave()
        clients.append(await Listening(endpoint).connected())
        for client in clients:
            await client.leave()
        assert (hub.clients, hub.readers) == ({}, 0)

    asyncio.run(use())


def test_an_event_reaches_a_client_that_waits() -> None:
    async def use() -> None:
        hub = Level()
        client = await Listening(StreamEndpoint(hub, Admission(Viewers()))).connected()
        (known,) = hub.clients.values()
        known.put([Event("message", 7, "stf_gen", '{"n":7}', {})])
        event = b'id: 7-0-0\nevent: stf_gen\ndata: {"n":7}\n\n'
        await eventually_async(lambda: event in client.body, "the event")
        await client.leave()

    asyncio.run(use())


def test_who_may_not_read_any_more_is_told_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "IDLE_S", 0.005)
    monkeypatch.setattr(stream_module, "CHECK_S", 0.01)

    async def use() -> None:
        hub, viewers = Level(), Viewers()
        client = await Listening(StreamEndpoint(hub, Admission(viewers))).connected()
        await eventually_async(
            lambda: client.body.count(b"event: heartbeat") > 3, "four heartbeats"
        )
        viewers.ended = True
        await asyncio.wait_for(client.task, PATIENCE_S)
        assert b"access has ended" in client.body
        assert (hub.clients, hub.readers) == ({}, 0)

    asyncio.run(use())


def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.live.hub.STALLED_S", 0.01)
    monkeypatch.setattr("monitor.live.clients.CAPACITY", 3)

    class Stuck(Listening):
        async def _send(self, message: Any) -> None:
            await super()._send(message)
            if b"stf_gen" in message.get("body", b""):
                await asyncio.Event().wait()

    async def use() -> None:
        hub = Level()
        client = await Stuck(StreamEndpoint(hub, Admission(Viewers()))).connected()
        (known,) = hub.clients.values()
        hub._offer(known, [Event("message", 1, "stf_gen", "{}", {})])
        await eventually_async(lambda: b"stf_gen" in client.body, "the event")
        hub._offer(known, [Event("message", n, "stf_gen", "{}", {}) for n in range(2, 9)])
        await asyncio.wait_for(client.task, PATIENCE_S)
        assert (hub.clients, hub.readers) == ({}, 0)

    asyncio.run(use())


def test_the_last_of_two_equal_parameters_counts_and_an_unknown_one_is_named() -> None:
    endpoint = StreamEndpoint(Level(), Admission(Viewers()))
    for query, named in (("kinds=x&kinds=log&limit=3", "limit"), ("kinds=log&kinds=x", "kinds")):
        asked = Asked(application(Route(PATH, endpoint)), PATH, headers=KEY, query=query).now()
        assert (asked.status, list(asked.answer)) == (400, [named])
