"""The hub of the live stream: every client gets each event that it wants once, and in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from random import Random
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.live import hub as hub_module
from monitor.live.clients import CAPACITY, Client
from monitor.live.events import KINDS, Event, Position, Wanted
from monitor.live.hub import Hub
from monitor.live.stored import Page
from tests.waiting import eventually_async

PATIENCE_S = 5.0
PAGE = 3
"""Rows that the hub reads at once here."""
ALL = Wanted(frozenset(KINDS))


def event(number: int, kind: str = "message", agent: str = "a") -> Event:
    return Event(kind, number, kind, f'{{"n":{number}}}', {"agents": agent})


def offer(client: Client, events: Sequence[Event]) -> None:
    """Let the hub hand out events to one client."""
    hub = Hub()
    hub.clients[client.id] = client
    hub._hand_out(events)


def seen(frames: Sequence[str]) -> list[tuple[str, int]]:
    """Kind and id of each frame, by its `event:` and its `data:`."""
    found = []
    for frame in frames:
        fields = dict(line.split(": ", 1) for line in frame.strip().split("\n"))
        found.append((fields["event"], int(fields["data"].split(":")[1].rstrip("}"))))
    return found


def position_of(frame: str) -> Position:
    return Position.parse(frame.split("\n", 1)[0].removeprefix("id: "))


def test_what_is_offered_is_taken_in_order_and_once() -> None:
    async def use() -> None:
        client = Client(Wanted())
        offer(client, [event(1), event(2)])
        offer(client, [event(3)])
        assert seen(await client.take(1)) == [("message", n) for n in (1, 2, 3)]
        assert await client.take(0) == []
        offer(client, [event(4)])
        assert seen(await client.take(1)) == [("message", 4)]

    asyncio.run(use())


def test_what_a_client_does_not_want_does_not_wait_for_it() -> None:
    async def use() -> None:
        client = Client(Wanted.read({"kinds": "message,agent", "agents": "a"}))
        offer(client, [event(1), event(2, agent="b"), event(3, "log"), event(4, "agent")])
        assert seen(await client.take(1)) == [("message", 1), ("agent", 4)]

    asyncio.run(use())


def test_who_waits_is_woken_by_an_event_and_not_by_one_that_it_does_not_want() -> None:
    async def use() -> None:
        client = Client(Wanted())
        waiting = asyncio.create_task(client.take(PATIENCE_S))
        await asyncio.sleep(0)
        offer(client, [event(1, "log")])
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        offer(client, [event(2)])
        assert seen(await asyncio.wait_for(waiting, 1)) == [("message", 2)]

    asyncio.run(use())


def test_nothing_comes_when_the_time_is_up() -> None:
    async def use() -> None:
        client = Client(Wanted())
        started = time.monotonic()
        assert await client.take(0.05) == []
        assert 0.04 < time.monotonic() - started < 5
        offer(client, [event(1)])
        assert len(await client.take(0.05)) == 1

    asyncio.run(use())


def test_each_frame_carries_the_position_that_is_reached_with_it() -> None:
    async def use() -> None:
        client = Client(ALL)
        client.position = Position(5, 6, 7)
        offer(client, [event(8), event(9, "log"), event(10, "agent"), event(11)])
        frames = await client.take(1)
        assert [str(position_of(frame)) for frame in frames] == [
            "8-6-7",
            "8-6-9",
            "8-10-9",
            "11-10-9",
        ]
        assert client.position == Position(11, 10, 9)

    asyncio.run(use())


def test_a_client_that_falls_too_far_behind_is_dropped_at_once() -> None:
    async def use() -> None:
        client = Client(Wanted())
        offer(client, [event(number) for number in range(CAPACITY)])
        assert not client.overflowed
        offer(client, [event(CAPACITY)])
        assert client.overflowed
        assert await asyncio.wait_for(client.take(PATIENCE_S), 1) == []
        offer(client, [event(CAPACITY + 1)])
        assert await asyncio.wait_for(client.take(PATIENCE_S), 1) == []

    asyncio.run(use())


def test_a_client_that_waits_learns_at_once_that_it_is_dropped() -> None:
    async def use() -> None:
        client = Client(Wanted())
        waiting = asyncio.create_task(client.take(PATIENCE_S))
        await asyncio.sleep(0)
        offer(client, [event(number) for number in range(CAPACITY + 1)])
        assert await asyncio.wait_for(waiting, 1) == []
        assert client.overflowed

    asyncio.run(use())


def test_events_that_a_client_does_not_want_do_not_drop_it() -> None:
    async def use() -> None:
        client = Client(Wanted())
        offer(client, [event(number, "log") for number in range(CAPACITY + 1)])
        offer(client, [event(1)])
        assert not client.overflowed
        assert seen(await client.take(1)) == [("message", 1)]

    asyncio.run(use())


def test_clients_have_ids_of_their_own() -> None:
    async def use() -> None:
        assert len({Client(Wanted()).id for _ in range(100)}) == 100

    asyncio.run(use())


class Tables:
    """Stands for the database: what was added, how reading it is interrupted, who is told.

    :param random: decides where other tasks come in between, and whether pages end early, as they
        do when events are large
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.rows: dict[str, list[Event]] = {kind: [] for kind in KINDS}
        self.connections = 0
        self.listened = 0
        self.questions = 0
        self.fail: list[Exception] = []
        self.bounded = random.random() < 0.5
        self._notices: asyncio.Queue[str] = asyncio.Queue()

    def add(self, kind: str, count: int) -> None:
        """Commit some rows; ids have gaps."""
        rows = self.rows[kind]
        last = rows[-1].id if rows else 0
        for _ in range(count):
            last += self.random.choice((1, 1, 1, 4))
            rows.append(event(last, kind, self.random.choice("ab")))
        self._notices.put_nowait(kind)

    def last(self, kind: str) -> int:
        return self.rows[kind][-1].id if self.rows[kind] else 0

    def after(self, since: Position, wanted: Wanted) -> list[tuple[str, int]]:
        """What a client has to get, kind by kind."""
        return [
            (kind, one.id)
            for kind in KINDS
            for one in self.rows[kind]
            if one.id > since.of(kind) and wanted.accepts(one)
        ]

    async def connect(self) -> Connection:
        if self.fail:
            raise self.fail.pop()
        self.connections += 1
        return Connection(self)

    async def newest(self, connection: Connection, kinds: Iterable[str] = KINDS) -> Position:
        self.questions += 1
        await self.others()
        return Position(**{kind: self.last(kind) for kind in kinds})

    async def read(
        self,
        connection: Connection,
        kind: str,
        after: int,
        end: int | None = None,
        wanted: Wanted | None = None,
        most: int = 0,
    ) -> Page:
        """A page, as the query gives it; the answer may be old when it arrives."""
        await self.others()
        if self.fail:
            raise self.fail.pop()
        page = [
            one
            for one in self.rows[kind]
            if after < one.id
            and (end is None or one.id <= end)
            and (wanted is None or wanted.accepts(one))
        ][: self.random.choice((PAGE, 1) if self.bounded else (PAGE,))]
        more = len(page) == PAGE or (bool(page) and self.bounded)
        await self.others()
        return Page(page, more)

    async def others(self) -> None:
        """Let other tasks come in between."""
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)

    async def notice(self) -> str:
        return await self._notices.get()


class Connection:
    """One connection to `Tables`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._tables.connections -= 1

    async def execute(self, statement: str) -> None:
        assert statement in ("LISTEN swf_live", "UNLISTEN *")

    async def notifies(self, timeout: float, stop_after: int) -> AsyncIterator[Any]:
        self._tables.listened += 1
        try:
            async with asyncio.timeout(timeout):
                payload = await self._tables.notice()
        except TimeoutError:
            return
        yield SimpleNamespace(payload=payload)


@contextmanager
def instead_of_the_database(tables: Tables, look_s: float = 0.02) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_module, "connect", tables.connect)
        patch.setattr(hub_module, "read_events", tables.read)
        patch.setattr(hub_module, "newest", tables.newest)
        patch.setattr(hub_module, "POLL_S", look_s)
        patch.setattr(hub_module, "RETRY_S", 0.001)
        yield


def with_hub(tables: Tables, use: Callable[[Hub], Awaitable[None]], look_s: float = 0.02) -> None:
    """Run something with a hub that follows the tables."""

    async def run() -> None:
        hub = Hub()
        hub.start()
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                await use(hub)
        finally:
            await hub.stop()

    with instead_of_the_database(tables, look_s):
        asyncio.run(run())


class Reader:
    """A client that reads, is cut off now and then, and comes back with the last id it saw."""

    def __init__(self, hub: Hub, tables: Tables, wanted: Wanted, since: Position | None) -> None:
        self.frames: list[str] = []
        self.since = since
        self.cuts = 0
        self._hub = hub
        self._tables = tables
        self._wanted = wanted

    async def read(self, cuts: int) -> None:
        while True:
            client = Client(self._wanted)
            try:
                async for frames in self._pages(client):
                    for frame in frames:
                        self.frames.append(frame)
                        self.since = position_of(frame)
                        if self.cuts < cuts and self._tables.random.random() < 0.3:
                            self.cuts += 1
                            raise ConnectionResetError
            except ConnectionResetError:
                continue
            finally:
                self._hub.leave(client)

    async def _pages(self, client: Client) -> AsyncIterator[list[str]]:
        pages: Any = self._hub.join(client, self.since)
        async with aclosing(pages) as missed:
            async for frames in missed:
                yield frames
                await self._tables.others()
        while True:
            yield await client.take(0.01)
            assert not client.overflowed


COUNTS = st.tuples(*(st.integers(0, 8) for _ in KINDS))
KIND_SETS = st.sets(st.sampled_from(KINDS), min_size=1).map(frozenset)
ADDITIONS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 8)), max_size=8)


@example(
    stored=(8, 8, 8),
    since=(0.0, 0.5, 1.0),
    kinds=frozenset(KINDS),
    agents=None,
    additions=[("message", 8)] * 4,
    cuts=3,
    seed=0,
)
@given(
    stored=COUNTS,
    since=st.tuples(*(st.floats(0, 1) for _ in KINDS)),
    kinds=KIND_SETS,
    agents=st.sampled_from([None, "a"]),
    additions=ADDITIONS,
    cuts=st.integers(0, 3),
    seed=st.integers(0, 2**32),
)
def test_a_client_gets_every_event_after_its_last_one_once_and_in_order(
    stored: tuple[int, ...],
    since: tuple[float, ...],
    kinds: frozenset[str],
    agents: str | None,
    additions: list[tuple[str, int]],
    cuts: int,
    seed: int,
) -> None:
    wanted = Wanted(kinds, {} if agents is None else {"agents": frozenset({agents})})

    async def use(hub: Hub) -> None:
        await eventually_async(lambda: hub.following, "the hub follows")
        start = Position(
            **{
                kind: round(share * tables.last(kind))
                for kind, share in zip(KINDS, since, strict=True)
            }
        )
        readers = [Reader(hub, tables, wanted, start) for _ in range(2)]
        tasks = [asyncio.create_task(readers[0].read(cuts))]
        for number, (kind, count) in enumerate(additions):
            await tables.others()
            tables.add(kind, count)
            if number == 1:
                tasks.append(asyncio.create_task(readers[1].read(cuts)))
        expected = tables.after(start, wanted)
        try:
            for reader in readers[: len(tasks)]:
                has_all = lambda reader=reader: len(reader.frames) >= len(expected)  # noqa: E731
                await eventually_async(has_all, "every event")
                for _ in range(20):  # something that comes twice would come now
                    await asyncio.sleep(0)
                got = seen(reader.frames)
                for kind in KINDS:
                    assert [n for k, n in got if k == kind] == [n for k, n in expected if k == kind]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def run() -> None:
        hub = Hub()
        hub.start()
        try:
            await use(hub)
        finally:
            await hub.stop()

    tables = Tables(Random(seed))
    for kind, count in zip(KINDS, stored, strict=True):
        if count:
            tables.add(kind, count)
    with instead_of_the_database(tables):
        asyncio.run(run())
    assert tables.connections == 0


def test_a_client_without_a_last_event_gets_what_comes_from_now_on() -> None:
    tables = Tables(Random(1))
    tables.add("message", 5)

    async def use(hub: Hub) -> None:
        client = Client(Wanted())
        assert [page async for page in hub.join(client, None)] == [[]]
        assert client.id in hub.clients
        tables.add("message", 4)
        got: list[str] = []
        while len(got) < 4:
            got += await client.take(1)
        assert seen(got) == [("message", one.id) for one in tables.rows["message"][5:]]

    with_hub(tables, use)


def test_a_client_that_is_level_needs_no_connection() -> None:
    tables = Tables(Random(1))
    tables.add("log", 5)

    async def use(hub: Hub) -> None:
        await eventually_async(lambda: hub.following, "the hub follows")
        own = tables.connections
        client = Client(Wanted())
        pages = [page async for page in hub.join(client, Position())]
        assert pages == [[]]  # behind in the log, which it does not want
        assert client.id in hub.clients
        assert tables.connections == own

    with_hub(tables, use)


def test_what_happens_after_the_first_page_is_not_missed() -> None:
    tables = Tables(Random(1))
    tables.add("message", 5)

    async def use(hub: Hub) -> None:
        client = Client(Wanted())
        pages = hub.join(client, None)
        assert await anext(pages) == []  # now it is told that it is connected
        tables.add("message", 1)
        got: list[str] = []
        while not got:
            got += await client.take(1)
        assert seen(got) == [("message", tables.rows["message"][-1].id)]

    with_hub(tables, use)


def test_who_comes_before_the_hub_has_begun_waits_for_it() -> None:
    tables = Tables(Random(1))
    tables.add("message", 2)
    tables.fail = [psycopg.OperationalError("away"), psycopg.OperationalError("still away")]

    async def use(hub: Hub) -> None:
        client = Client(Wanted())
        pages = [page async for page in hub.join(client, Position())]
        assert [number for page in pages for _, number in seen(page)] == [
            one.id for one in tables.rows["message"]
        ]

    with_hub(tables, use)


@pytest.mark.parametrize(
    "error", [psycopg.OperationalError("away"), OSError("reset"), RuntimeError("a defect")]
)
def test_nothing_is_missed_while_the_database_is_away(error: Exception) -> None:
    tables = Tables(Random(1))

    async def use(hub: Hub) -> None:
        client = Client(Wanted())
        async for _ in hub.join(client, None):
            pass
        tables.fail = [error, psycopg.OperationalError("still away")]
        tables.add("message", 10)
        got: list[str] = []
        while len(got) < 10:
            got += await client.take(1)
        assert seen(got) == [("message", one.id) for one in tables.rows["message"]]
        await eventually_async(lambda: hub.following, "the hub follows")

    with_hub(tables, use)


def test_an_event_whose_announcement_is_lost_comes_a_little_later() -> None:
    tables = Tables(Random(1))

    async def use(hub: Hub) -> None:
        client = Client(Wanted())
        async for _ in hub.join(client, None):
            pass
        await eventually_async(lambda: tables.listened > 0, "the hub listens")
        tables.rows["message"].append(event(1))
        assert seen(await client.take(PATIENCE_S)) == [("message", 1)]

    with_hub(tables, use)


def test_all_that_one_announcement_stands_for_comes_at_once() -> None:
    tables = Tables(Random(1))

    async def use(hub: Hub) -> None:
        client = Client(Wanted())
        async for _ in hub.join(client, None):
            pass
        await eventually_async(lambda: tables.listened == 1, "the hub listens")
        tables.add("message", 20)
        got: list[str] = []
        while len(got) < 20:
            got += await client.take(PATIENCE_S)
        assert seen(got) == [("message", one.id) for one in tables.rows["message"]]

    with_hub(tables, use, look_s=3600)


def test_who_has_left_gets_nothing_and_may_leave_again() -> None:
    tables = Tables(Random(1))

    async def use(hub: Hub) -> None:
        client, other = Client(Wanted()), Client(Wanted())
        for one in (client, other):
            async for _ in hub.join(one, None):
                pass
        hub.leave(client)
        hub.leave(client)
        tables.add("message", 1)
        assert len(await other.take(PATIENCE_S)) == 1
        assert await client.take(0) == []
        assert list(hub.clients) == [other.id]

    with_hub(tables, use)


def test_a_database_that_goes_away_while_a_client_catches_up_is_told() -> None:
    tables = Tables(Random(1))
    tables.add("message", 20)

    async def use(hub: Hub) -> None:
        await eventually_async(lambda: hub.following, "the hub follows")
        client = Client(Wanted())
        pages = hub.join(client, Position())
        assert await anext(pages) == []
        assert len(await anext(pages)) == 3
        tables.fail = [psycopg.OperationalError("away")] * 3
        with pytest.raises(psycopg.OperationalError):
            async for _ in pages:
                pass
        assert hub.clients == {}

    with_hub(tables, use)


def test_clients_that_do_not_read_what_they_missed_are_cut_off_and_block_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "STALLED_S", 0.02)
    tables = Tables(Random(1))
    tables.add("message", 20)

    async def stuck(hub: Hub) -> None:
        async with aclosing(hub.join(Client(Wanted()), Position())) as pages:
            async for frames in pages:
                if frames:
                    await asyncio.Event().wait()

    async def use(hub: Hub) -> None:
        await eventually_async(lambda: hub.following, "the hub follows")
        waiting = [asyncio.create_task(stuck(hub)) for _ in range(hub_module.READERS)]
        await eventually_async(hub._reading.locked, "no reader is free")
        client = Client(Wanted())
        pages = [page async for page in hub.join(client, Position())]
        assert len([frame for page in pages for frame in page]) == 20
        await eventually_async(lambda: all(task.cancelled() for task in waiting), "all have gone")

    with_hub(tables, use)


def test_a_hub_without_clients_asks_nothing_whatever_is_announced() -> None:
    tables = Tables(Random(1))

    async def use(hub: Hub) -> None:
        client = Client(Wanted())
        async for _ in hub.join(client, None):
            pass
        hub.leave(client)
        await eventually_async(lambda: not hub._level.is_set(), "the hub rests")
        asked, listened = tables.questions, tables.listened
        for _ in range(50):
            tables.add("message", 1)
            await asyncio.sleep(0)
        assert (tables.questions, tables.listened) == (asked, listened)
        again = Client(Wanted())
        assert [page async for page in hub.join(again, None)] == [[]]
        tables.add("message", 1)
        assert seen(await again.take(PATIENCE_S)) == [("message", tables.last("message"))]

    with_hub(tables, use)


def test_each_of_several_clients_with_different_wishes_gets_what_it_wants() -> None:
    tables = Tables(Random(1))

    async def use(hub: Hub) -> None:
        wishes = [Wanted(), ALL, Wanted(ALL.kinds, {"agents": frozenset("a")}), Wanted()]
        clients = [Client(wanted) for wanted in wishes]
        for client in clients:
            async for _ in hub.join(client, None):
                pass
        for kind in KINDS:
            tables.add(kind, 6)
        for client in clients:
            expected = sorted(tables.after(Position(), client.wanted))
            got: list[str] = []
            while len(got) < len(expected):
                got += await client.take(PATIENCE_S)
            assert sorted(seen(got)) == expected

    with_hub(tables, use)
