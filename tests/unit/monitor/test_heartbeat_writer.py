"""Heartbeats: what is refused and how it is named, writing in batches, and the answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from django.db import OperationalError
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.routing import Match

from monitor.access.roles import BadToken
from monitor.live import heartbeats as live
from monitor.live.admission import Admission
from monitor.live.callers import Caller, Callers, Kind
from monitor.live.heartbeats import (
    BATCH,
    PATH,
    HeartbeatEndpoint,
    HeartbeatRoute,
    HeartbeatWriter,
)
from monitor.records.database import AWAY
from monitor.records.heartbeats import (
    COLUMNS,
    LARGEST_BODY,
    STATEMENT,
    BadHeartbeat,
    Beat,
    StoredHeartbeat,
    parameters,
    read,
    read_body,
)
from swf_common.protocol.heartbeat import Heartbeat
from swf_common.protocol.json_text import MAX_DEPTH, holds_nul
from swf_common.protocol.states import Role
from tests.unit.monitor.asking import GONE, Asked, application
from tests.waiting import eventually_async

PATIENCE_S = 10.0
FULL: dict[str, Any] = {
    "instance_name": "data-agent-1",
    "agent_type": "DATA",
    "program": "example-data-agent",
    "namespace": "torre1",
    "container_id": "ab" * 32,
    "hostname": "host",
    "operational_state": "READY",
    "status": "OK",
    "mq_connected": True,
    "description": "fine",
    "heartbeat_interval": 5.0,
    "workflow_enabled": True,
    "current_stf_count": 1,
    "total_stf_processed": 2,
    "metadata": {"run_id": "100010"},
}


def problems(data: Any) -> dict[str, list[str]]:
    with pytest.raises(BadHeartbeat) as caught:
        read(data)
    return caught.value.problems


def problems_of_body(body: bytes | str) -> dict[str, list[str]]:
    with pytest.raises(BadHeartbeat) as caught:
        read_body(body.encode() if isinstance(body, str) else body)
    return caught.value.problems


def nested(depth: int) -> Any:
    value: Any = "deep"
    for number in range(depth):
        value = {"a": value} if number % 2 else [value]
    return value


def test_a_heartbeat_keeps_exactly_the_fields_that_it_was_given() -> None:
    assert json.loads(read(FULL).text) == FULL
    beat = read({"instance_name": " a ", "status": "OK", "pid": 17, "metadata": None})
    assert beat.instance_name == "a"
    assert json.loads(beat.text) == {"instance_name": "a", "status": "OK"}


def test_every_field_of_a_heartbeat_has_its_column() -> None:
    assert {"instance_name", *COLUMNS} == set(Heartbeat.model_fields)


def test_a_missing_name_is_named_as_the_rest_interface_does() -> None:
    assert problems({"status": "OK"}) == {"instance_name": ["This field is required."]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instance_name", ""),
        ("instance_name", "  "),
        ("instance_name", None),
        ("instance_name", 7),
        ("instance_name", ["a"]),
        ("instance_name", "x" * 101),
        ("instance_name", "\ud800"),
        ("agent_type", "x" * 101),
        ("hostname", {}),
        ("namespace", "No Such"),
        ("container_id", "not-hex"),
        ("operational_state", "SLEEPING"),
        ("operational_state", 1),
        ("status", "FINE"),
        ("status", []),
        ("mq_connected", "perhaps"),
        ("description", "x" * 10_001),
        ("description", "\udfff"),
        ("heartbeat_interval", 0),
        ("heartbeat_interval", -1),
        ("heartbeat_interval", 86_401),
        ("heartbeat_interval", float("nan")),
        ("heartbeat_interval", float("inf")),
        ("heartbeat_interval", "often"),
        ("current_stf_count", -1),
        ("current_stf_count", 2**31),
        ("total_stf_processed", 1.5),
        ("metadata", "text"),
        ("metadata", [1]),
    ],
)
def test_a_bad_value_names_its_field_and_no_other(field: str, value: object) -> None:
    found = problems({**FULL, field: value})
    assert list(found) == [field]
    assert all(text for text in found[field])


def test_every_bad_field_is_named_at_once() -> None:
    found = problems({"status": "FINE", "current_stf_count": -1})
    assert set(found) == {"instance_name", "status", "current_stf_count"}


@pytest.mark.parametrize("data", [None, 7, "text", [], [FULL], True])
def test_what_is_no_object_is_refused(data: Any) -> None:
    assert list(problems(data)) == ["non_field_errors"]


@pytest.mark.parametrize("metadata", [{"a": "\ud800"}, {"\udfff": 1}, {"a": [{"b": "x\udc00"}]}])
def test_metadata_with_characters_that_are_no_text_is_refused(metadata: dict[str, Any]) -> None:
    beat = {"instance_name": "a", "metadata": metadata}
    assert list(problems(beat)) == ["metadata"]
    assert list(problems_of_body(json.dumps(beat))) == ["metadata"]


@pytest.mark.parametrize(
    "body", ["", "{", "no JSON", '{"a": 1,}', b"\xff\xfe\xff", b'{"a": "\x00"}']
)
def test_what_is_not_json_is_told(body: bytes | str) -> None:
    found = problems_of_body(body)
    assert list(found) == ["detail"]
    assert found["detail"][0].startswith("JSON parse error")


def test_a_body_with_a_nul_character_is_refused() -> None:
    for field in ("instance_name", "description"):
        body = json.dumps({"instance_name": "a", field: "x\0"})
        assert "NUL" in problems_of_body(body)["detail"][0]
    body = json.dumps({"instance_name": "a", "metadata": {"b": ["\0"]}})
    assert "NUL" in problems_of_body(body)["detail"][0]


def test_a_backslash_before_u0000_is_no_nul_character() -> None:
    body = json.dumps({"instance_name": "a", "description": "\\u0000"})
    assert json.loads(read_body(body.encode()).text)["description"] == "\\u0000"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 900])
def test_metadata_that_is_nested_too_deeply_is_refused(depth: int) -> None:
    body = json.dumps({"instance_name": "a", "metadata": {"b": nested(depth)}})
    assert list(problems_of_body(body)) == ["metadata"]


@pytest.mark.parametrize("body", ["[" * 100_000, '{"instance_name":"a","x":' + "[" * 100_000])
def test_nesting_without_end_is_refused(body: str) -> None:
    assert list(problems_of_body(body)) == ["detail"]


def test_metadata_may_be_nested_for_a_while() -> None:
    body = json.dumps({"instance_name": "a", "metadata": {"b": nested(50)}})
    assert json.loads(read_body(body.encode()).text)["metadata"] == {"b": nested(50)}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@example({"instance_name": "a", "metadata": {"a": float("nan"), "b": float("-inf")}})
@example({"instance_name": "a", "metadata": {"a": 10**4000}})
@given(st.dictionaries(st.sampled_from(list(FULL)), ANYTHING) | ANYTHING)
def test_any_body_is_a_heartbeat_that_the_database_can_read_or_is_refused(data: Any) -> None:
    named: set[str] = set()
    try:
        beat = read_body(json.dumps(data).encode())
    except BadHeartbeat as error:
        named.update(error.problems)
    assert named <= {*FULL, "detail", "non_field_errors"}
    if named:
        return
    (text,) = parameters([beat])

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    (stored,) = json.loads(text, parse_constant=refuse)
    text.encode()
    assert stored["instance_name"] == beat.instance_name
    assert not holds_nul(text.encode())


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_refused_in_an_orderly_way(body: bytes) -> None:
    with pytest.raises(BadHeartbeat):
        read_body(body)


def test_heartbeats_are_given_to_the_statement_as_one_array() -> None:
    (text,) = parameters([read({"instance_name": name}) for name in ("a", "b")])
    assert json.loads(text) == [{"instance_name": "a"}, {"instance_name": "b"}]


class Database:
    """Stands for the database: keeps what is written, and does what a test tells it.

    :ivar before_writing: runs before each statement with the names in it; may raise
    """

    def __init__(self) -> None:
        self.agents: dict[str, dict[str, Any]] = {}
        self.batches: list[list[dict[str, Any]]] = []
        self.opened: list[Connection] = []
        self.refuse_to_connect: list[Exception] = []
        self.go = asyncio.Event()
        self.go.set()
        self.before_writing: Callable[[list[str]], None] = lambda _: None
        self.being_added: set[str] = set()

    async def connect(self) -> Connection:
        await asyncio.sleep(0)
        if self.refuse_to_connect:
            raise self.refuse_to_connect.pop(0)
        self.opened.append(Connection(self))
        return self.opened[-1]

    def names(self) -> list[list[str]]:
        """The agents of each batch that was tried."""
        return [[beat["instance_name"] for beat in batch] for batch in self.batches]

    async def write(self, text: str) -> list[tuple[str, str, bool]]:
        beats: list[dict[str, Any]] = json.loads(text)
        self.batches.append(beats)
        await self.go.wait()
        names = [beat["instance_name"] for beat in beats]
        self.before_writing(names)
        rows = []
        for beat in beats:
            name = beat["instance_name"]
            if name in self.being_added:
                self.being_added.remove(name)
                continue
            known = self.agents.get(name)
            self.agents[name] = {**(known or {}), **beat}
            rows.append((name, json.dumps(self.agents[name]), known is None))
        return rows


class Connection:
    """One connection to `Database`; broken once a statement has failed on it."""

    def __init__(self, database: Database) -> None:
        self.closed = False
        self._database = database
        self._broken = False

    async def execute(self, statement: str, given_: list[str]) -> Connection:
        assert statement == STATEMENT
        assert not self.closed, "a closed connection is used"
        assert not self._broken, "a connection is used on which something has failed"
        try:
            self._rows = await self._database.write(*given_)
        except BaseException:
            self._broken = True
            raise
        return self

    async def fetchall(self) -> list[tuple[str, str, bool]]:
        return self._rows

    async def close(self) -> None:
        self.closed = True
        if self._broken:
            raise psycopg.OperationalError("the connection is closed already")


def beat(name: str, number: int = 0) -> Beat:
    return read({"instance_name": name, "current_stf_count": number})


def with_writer(use: Callable[[HeartbeatWriter, Database], Awaitable[None]]) -> None:
    """Run something with a writer on an event loop; it has to come to an end."""

    async def run() -> None:
        database, writer = Database(), HeartbeatWriter()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(live, "connect", database.connect)
            writer.start()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await use(writer, database)
            finally:
                await writer.stop()
        assert all(connection.closed for connection in database.opened)

    asyncio.run(run())


def storing(writer: HeartbeatWriter, *beats: Beat) -> list[asyncio.Task[StoredHeartbeat]]:
    return [asyncio.create_task(writer.store(one)) for one in beats]


def test_the_first_heartbeat_of_an_agent_is_new_and_the_next_is_not() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        first, second = await writer.store(beat("a", 1)), await writer.store(beat("a", 2))
        assert (first.is_new, second.is_new) == (True, False)
        assert json.loads(second.agent)["current_stf_count"] == 2
        assert len(database.opened) == 1

    with_writer(use)


def test_all_that_come_while_one_batch_is_written_share_the_next() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        database.go.clear()
        first = storing(writer, beat("a"))
        await eventually_async(lambda: database.batches, "a batch")
        others = storing(writer, *(beat(name) for name in "bcd"))
        await asyncio.sleep(0)
        database.go.set()
        await asyncio.gather(*first, *others)
        assert database.names() == [["a"], ["b", "c", "d"]]

    with_writer(use)


def test_a_batch_never_holds_two_heartbeats_of_one_agent() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        beats = [beat("a", 1), beat("b", 1), beat("a", 2), beat("a", 3), beat("b", 2)]
        answers = await asyncio.gather(*storing(writer, *beats))
        assert database.names() == [["a", "b"], ["a", "b"], ["a"]]
        counts = [json.loads(answer.agent)["current_stf_count"] for answer in answers]
        assert counts == [1, 1, 2, 3, 2]

    with_writer(use)


@given(st.lists(st.sampled_from("abcde"), max_size=40), st.integers(1, 4), st.integers(0, 10))
def test_each_agents_heartbeats_are_written_once_and_in_their_order(
    names: list[str], most: int, pause_after: int
) -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(live, "BATCH", most)
            beats = [beat(name, number) for number, name in enumerate(names)]
            early = storing(writer, *beats[:pause_after])
            await asyncio.sleep(0)
            answers = await asyncio.gather(*early, *storing(writer, *beats[pause_after:]))
        assert len(answers) == len(names)
        for batch in database.names():
            assert len(set(batch)) == len(batch) <= most
        written = [
            (b["instance_name"], b["current_stf_count"]) for x in database.batches for b in x
        ]
        for name in set(names):
            expected = [number for number, one in enumerate(names) if one == name]
            assert [number for one, number in written if one == name] == expected
        assert len(written) == len(names)

    with_writer(use)


def test_a_batch_has_a_largest_size() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        await asyncio.gather(*storing(writer, *(beat(f"a{n}") for n in range(2 * BATCH + 1))))
        assert [len(batch) for batch in database.batches] == [BATCH, BATCH, 1]

    with_writer(use)


def test_one_heartbeat_that_cannot_be_stored_spoils_no_other() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        def refuse(names: list[str]) -> None:
            if "bad" in names:
                raise psycopg.DataError("a value cannot be stored")

        database.before_writing = refuse
        tasks = storing(writer, beat("a"), beat("bad"), beat("b"))
        first, bad, second = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(bad, psycopg.DataError)
        assert isinstance(first, StoredHeartbeat)
        assert isinstance(second, StoredHeartbeat)
        assert set(database.agents) == {"a", "b"}
        assert (await writer.store(beat("a"))).is_new is False

    with_writer(use)


def test_a_second_heartbeat_waits_until_the_first_has_been_refused_by_itself() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        def refuse(names: list[str]) -> None:
            if "bad" in names:
                raise psycopg.DataError("a value cannot be stored")

        database.before_writing = refuse
        tasks = storing(writer, beat("a", 1), beat("bad"), beat("a", 2))
        await asyncio.gather(*tasks, return_exceptions=True)
        assert database.agents["a"]["current_stf_count"] == 2

    with_writer(use)


@pytest.mark.parametrize("error", [psycopg.OperationalError, psycopg.InterfaceError, OSError])
def test_a_database_that_goes_away_is_told_to_all_who_wait_for_the_batch(
    error: type[Exception],
) -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        def away(names: list[str]) -> None:
            raise error("gone")

        database.before_writing = away
        tasks = storing(writer, *(beat(name) for name in "abc"))
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [error] * 3
        assert database.names() == [["a", "b", "c"]], "it is not tried again one by one"
        assert database.opened[0].closed
        database.before_writing = lambda _: None
        assert (await writer.store(beat("a"))).is_new
        assert len(database.opened) == 2

    with_writer(use)


def test_a_database_that_cannot_be_reached_is_told_and_tried_again_next_time() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        database.refuse_to_connect = [psycopg.OperationalError("away"), ConnectionRefusedError()]
        for kind in (psycopg.OperationalError, ConnectionRefusedError):
            with pytest.raises(kind):
                await writer.store(beat("a"))
        assert (await writer.store(beat("a"))).is_new

    with_writer(use)


def test_an_agent_that_somebody_else_adds_at_this_moment_is_written_at_the_next_attempt() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        database.being_added = {"a"}
        tasks = storing(writer, beat("a", 1), beat("b"), beat("a", 2))
        answers = await asyncio.gather(*tasks)
        assert [json.loads(answer.agent)["current_stf_count"] for answer in answers] == [1, 0, 2]
        assert database.agents["a"]["current_stf_count"] == 2

    with_writer(use)


def test_who_does_not_wait_any_more_disturbs_nobody() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        database.go.clear()
        gone, left = storing(writer, beat("a"), beat("b"))
        await eventually_async(lambda: database.batches, "a batch")
        gone.cancel()
        await asyncio.sleep(0)
        database.go.set()
        assert (await left).is_new
        assert (await writer.store(beat("c"))).is_new

    with_writer(use)


def test_who_has_gone_when_the_database_goes_away_disturbs_nobody() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        def away(names: list[str]) -> None:
            raise psycopg.OperationalError("gone")

        database.go.clear()
        database.before_writing = away
        gone, left = storing(writer, beat("a"), beat("b"))
        await eventually_async(lambda: database.batches, "a batch")
        gone.cancel()
        await asyncio.sleep(0)
        database.go.set()
        with pytest.raises(psycopg.OperationalError):
            await left
        database.before_writing = lambda _: None
        assert (await writer.store(beat("c"))).is_new

    with_writer(use)


def test_who_still_waits_at_the_end_is_told_that_the_database_is_away() -> None:
    async def use(writer: HeartbeatWriter, database: Database) -> None:
        database.go.clear()
        tasks = storing(writer, beat("a"), beat("b"), beat("a"))
        await eventually_async(lambda: database.batches, "a batch")
        await writer.stop()
        done, still = await asyncio.wait(tasks, timeout=1)
        for task in still:
            task.cancel()
        assert not still, "somebody waits for ever"
        assert all(not task.cancelled() for task in done)
        assert all(isinstance(task.exception(), AWAY) for task in done)

    with_writer(use)


class Writer:
    """Stands for the writer: an answer, or what storing raises."""

    def __init__(self, answer: StoredHeartbeat | Exception) -> None:
        self.answer = answer
        self.stored: list[Beat] = []

    async def store(self, beat: Beat) -> StoredHeartbeat:
        self.stored.append(beat)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class KnownKeys(Callers):
    """Stands for the table of keys: a role each, or what looking one up raises."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    async def by_now(self, kind: Kind, key: str) -> Caller:
        if self.error is not None:
            raise self.error
        if key not in list(Role):
            raise BadToken("Invalid token.")
        return Caller(key, frozenset(Role) if key == Role.ADMINISTRATOR else frozenset({Role(key)}))


class Exchange(Asked):
    """One request to the endpoint, and its answer."""

    def __init__(
        self,
        answer: StoredHeartbeat | Exception | None = None,
        authorization: str = "Token agent",
        content_type: str = "application/json",
        body: bytes = b'{"instance_name": "a"}',
        keys_error: Exception | None = None,
        pieces: int = 1,
        gone: bool = False,
    ) -> None:
        self.writer = Writer(answer or StoredHeartbeat('{"id": 1}', False))
        fake_writer: Any = self.writer
        endpoint = HeartbeatEndpoint(fake_writer, Admission(KnownKeys(keys_error)))
        size = max(1, -(-len(body) // pieces))
        incoming: list[dict[str, Any]] = [
            {"type": "http.request", "body": body[at : at + size], "more_body": True}
            for at in range(0, len(body), size)
        ]
        super().__init__(
            application(HeartbeatRoute(PATH, endpoint)),
            PATH,
            "POST",
            {"authorization": authorization, "content-type": content_type},
            incoming=[*incoming, GONE if gone else {"type": "http.request"}],
        )
        self.now()

    @property
    def status(self) -> int:
        start, end = self.sent
        assert (start["type"], end["type"]) == ("http.response.start", "http.response.body")
        assert int(self.headers["content-length"]) == len(end["body"])
        assert self.headers["content-type"] == "application/json"
        return super().status


@pytest.mark.parametrize(("is_new", "status"), [(True, 201), (False, 200)])
@pytest.mark.parametrize("role", ["agent", "operator", "administrator"])
def test_a_stored_heartbeat_answers_with_the_agent(role: str, is_new: bool, status: int) -> None:
    stored = StoredHeartbeat('{"instance_name": "é"}', is_new)
    exchange = Exchange(stored, authorization=f"Bearer {role}")
    assert (exchange.status, exchange.answer) == (status, {"instance_name": "é"})
    assert [one.instance_name for one in exchange.writer.stored] == ["a"]


@pytest.mark.parametrize("pieces", [2, 7])
def test_a_body_may_come_in_pieces(pieces: int) -> None:
    assert Exchange(pieces=pieces).status == 200


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_is_known_by_its_type(content_type: str) -> None:
    assert Exchange(content_type=content_type).status == 200


@pytest.mark.parametrize(
    "authorization", ["Token wrong", "Token", "Token a b", "Basic abc", "Bearer \xff", "agent"]
)
def test_a_key_that_opens_nothing_is_a_401(authorization: str) -> None:
    exchange = Exchange(authorization=authorization)
    assert exchange.status == 401
    assert exchange.headers["www-authenticate"] == "Token"
    assert exchange.answer["detail"]
    assert exchange.writer.stored == []


def test_a_viewer_may_not_report() -> None:
    exchange = Exchange(authorization="Token viewer")
    assert exchange.status == 403
    assert "role" in exchange.answer["detail"]
    assert exchange.writer.stored == []


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_another_type_of_body_is_a_415(content_type: str) -> None:
    exchange = Exchange(content_type=content_type)
    assert exchange.status == 415
    assert exchange.writer.stored == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "detail"),
        (b"{", "detail"),
        (b"[" * 100_000, "detail"),
        (b"\xff", "detail"),
        (b'{"instance_name": "\\u0000"}', "detail"),
        (b"[]", "non_field_errors"),
        (b"{}", "instance_name"),
        (b'{"instance_name": "a", "status": "FINE"}', "status"),
        (b'{"instance_name": "a", "metadata": {"a": "\\ud800"}}', "metadata"),
    ],
    ids=["empty", "cut", "deep", "bytes", "nul", "list", "missing", "value", "surrogate"],
)
def test_a_bad_heartbeat_is_a_400_that_names_the_field(body: bytes, field: str) -> None:
    exchange = Exchange(body=body)
    assert (exchange.status, list(exchange.answer)) == (400, [field])
    assert exchange.writer.stored == []


@pytest.mark.parametrize(
    "error", [psycopg.OperationalError("away"), psycopg.InterfaceError("away"), OSError("away")]
)
def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(error: Exception) -> None:
    exchange = Exchange(error)
    assert exchange.status == 503
    assert int(exchange.headers["retry-after"]) >= 1
    assert "database" in exchange.answer["detail"]


def test_a_database_that_is_away_when_the_key_is_looked_up_is_a_503_too() -> None:
    exchange = Exchange(keys_error=OperationalError("away"))
    assert exchange.status == 503
    assert "retry-after" in exchange.headers


def test_what_the_database_refuses_is_a_400_with_its_reason_in_one_line() -> None:
    exchange = Exchange(psycopg.DataError("out of range\nCONTEXT: line 2"))
    assert exchange.status == 400
    assert exchange.answer == {"non_field_errors": ["out of range"]}


def test_a_client_that_has_gone_gets_no_answer() -> None:
    exchange = Exchange(body=b"{", gone=True)
    assert exchange.sent == []
    assert exchange.writer.stored == []


def test_a_body_is_read_only_for_who_may_write_and_not_to_its_end_when_it_is_too_large() -> None:
    large = b" " * (40 * LARGEST_BODY)
    refused = Exchange(authorization="Token wrong", body=large, pieces=1000)
    assert (refused.status, refused.read) == (401, 0)
    too_large = Exchange(body=large, pieces=1000)
    assert too_large.status == 400
    assert f"at most {LARGEST_BODY} bytes" in too_large.answer["detail"][0]
    assert too_large.read < 30


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, True),
        ({"method": "GET"}, False),
        ({"path": "/api/systemagents/"}, False),
        ({"headers": [(b"content-type", b"application/json")]}, False),
        ({"headers": [(b"authorization", b"")]}, False),
        ({"headers": [(b"authorization", b"Basic abc")]}, True),
    ],
)
def test_only_heartbeats_with_credentials_are_answered_here(
    changes: dict[str, Any], taken: bool
) -> None:
    exchange = Exchange()
    match, _ = HeartbeatRoute(PATH, print).matches({**exchange.scope, **changes})
    assert (match is Match.FULL) is taken
