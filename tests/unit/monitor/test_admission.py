"""Who is admitted before Django: by host, key or session, and role; and what may not come in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.routing import Route

from monitor.access.roles import BadToken
from monitor.live import turns as turns_module
from monitor.live.admission import Admission, Rules
from monitor.live.bodies import BoundedBodies
from monitor.live.callers import Caller, Callers, Kind
from monitor.live.health import Health
from monitor.live.turns import Turns
from monitor.mcp.endpoint import RULES as MCP_RULES
from swf_common.protocol.states import Role
from tests.unit.monitor.asking import Asked, application

READING = Rules(reading=True)
OPERATORS = Rules(roles=frozenset({Role.OPERATOR}))
COOKIE = settings.SESSION_COOKIE_NAME


class Book(Callers):
    """Stands for the tables of keys and sessions: a name that is a role has that role."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.asked: list[tuple[Kind, str]] = []

    async def by(self, kind: Kind, value: str) -> Caller | None:
        return await self.by_now(kind, value)

    async def by_now(self, kind: Kind, value: str) -> Caller | None:
        self.asked.append((kind, value))
        if self.error is not None:
            raise self.error
        if value == "newcomer":
            return Caller(value, frozenset())
        if value in list(Role):
            return Caller(value, frozenset({Role(value)}))
        if kind == Kind.KEY:
            raise BadToken("Invalid token.")
        return None


class Guarded:
    """An endpoint that says who was admitted."""

    def __init__(self, admission: Admission, rules: Rules) -> None:
        self._admission = admission
        self._rules = rules

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        caller = await self._admission.admit(HTTPConnection(scope), self._rules)
        await JSONResponse(caller.name)(scope, receive, send)


def ask(rules: Rules, book: Book | None = None, **headers: str) -> Asked:
    endpoint = Guarded(Admission(book or Book()), rules)
    return Asked(application(Route("/x", endpoint)), "/x", headers=headers).now()


@pytest.mark.parametrize("header", ["Token viewer", "Bearer viewer"])
def test_a_key_admits_its_user(header: str) -> None:
    assert ask(READING, authorization=header).answer == "viewer"


def test_a_session_admits_to_what_only_reads() -> None:
    assert ask(READING, cookie=f"a=b; {COOKIE}=viewer").answer == "viewer"
    answer = ask(OPERATORS, cookie=f"{COOKIE}=operator")
    assert answer.status == 401


def test_a_key_counts_more_than_a_session() -> None:
    cookie = f"{COOKIE}=viewer"
    assert ask(READING, authorization="Token operator", cookie=cookie).answer == "operator"
    assert ask(READING, authorization="Token wrong", cookie=cookie).status == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Token wrong"}, 401),
        ({"authorization": "Token"}, 401),
        ({"authorization": "Basic abc"}, 401),
        ({"cookie": f"{COOKIE}=gone"}, 401),
        ({"cookie": "other=viewer"}, 401),
        ({"authorization": "Token newcomer"}, 403),
        ({"cookie": f"{COOKIE}=newcomer"}, 403),
    ],
)
def test_who_may_not_read_is_told_whether_signing_in_would_help(
    headers: dict[str, str], status: int
) -> None:
    answer = ask(READING, None, **headers)
    assert answer.status == status
    assert answer.answer["detail"]
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_role_that_is_not_enough_is_a_403() -> None:
    assert ask(OPERATORS, authorization="Token operator").status == 200
    assert ask(OPERATORS, authorization="Token viewer").status == 403


def test_where_anybody_may_read_nobody_has_to_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "TESTBED_ANONYMOUS_READ", True)
    assert ask(READING).answer == "anonymous"
    assert ask(READING, authorization="Token newcomer").answer == "newcomer"
    assert ask(READING, authorization="Token wrong").status == 401
    assert ask(OPERATORS).status == 401


def test_a_client_of_mcp_is_challenged_in_its_own_way() -> None:
    missing, wrong = ask(MCP_RULES), ask(MCP_RULES, authorization="Bearer wrong")
    assert "testbed token" in missing.answer["detail"]
    assert missing.headers["www-authenticate"] == 'Bearer realm="swf-testbed"'
    assert wrong.headers["www-authenticate"].endswith('error="invalid_token"')
    assert ask(MCP_RULES, authorization="Bearer operator").answer == "operator"


def test_a_strange_host_is_refused_before_anybody_is_looked_up() -> None:
    book = Book()
    for headers, status in (
        ({"host": "evil.example"}, 421),
        ({"origin": "http://evil.example"}, 403),
    ):
        answer = ask(READING, book, authorization="Token viewer", **headers)
        assert answer.status == status
    assert book.asked == []


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back() -> None:
    answer = ask(READING, Book(OperationalError("secret text")), authorization="Token viewer")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "secret" not in str(answer.answer)


# --- Health ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "error", "told"),
    [
        ({}, None, False),
        ({"authorization": "Token wrong"}, None, False),
        ({"authorization": "Token newcomer"}, None, False),
        ({"authorization": "Token viewer"}, OperationalError("away"), False),
        ({"authorization": "Token viewer"}, None, True),
        ({"cookie": f"{COOKIE}=viewer"}, None, True),
    ],
)
def test_why_something_is_not_ready_is_told_to_who_has_a_role_and_to_the_log(
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    error: Exception | None,
    told: bool,
) -> None:
    problems = {"database": "no password for user testbed at 10.0.0.7"}
    health = Health(Admission(Book(error)), lambda: problems)
    route = Route("/readyz", health.readyz)
    with caplog.at_level("WARNING", "monitor.live.health"):
        for _ in range(2):
            answer = Asked(application(route), "/readyz", headers=headers).now()
    assert answer.status == 503
    assert list(answer.answer["problems"]) == ["database"]
    assert ("10.0.0.7" in answer.body.decode()) is told
    assert caplog.text.count("10.0.0.7") == 1, "logged when it changes"
    problems.clear()
    assert Asked(application(route), "/readyz").now().status == 200


# --- Turns ----------------------------------------------------------------------------------


class Slow:
    """An application that answers when it is let go, and knows how many it answers at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.go.wait()
            await JSONResponse("done")(scope, receive, send)
        finally:
            self.now -= 1


def test_no_more_requests_are_answered_at_once_than_there_are_turns() -> None:
    async def use() -> None:
        slow = Slow()
        turns = Turns(slow, at_once=3)
        asking = [asyncio.create_task(Asked(turns, "/").run()) for _ in range(10)]
        while slow.now < 3:
            await asyncio.sleep(0)
        slow.go.set()
        answers = await asyncio.gather(*asking)
        assert [one.status for one in answers] == [200] * 10
        assert slow.most == 3

    asyncio.run(use())


def test_who_sends_a_body_slowly_keeps_nobody_waiting() -> None:
    class Sluggish(Asked):
        async def _receive(self) -> dict[str, Any]:
            if self.read:
                await asyncio.Event().wait()
            return await super()._receive()

    async def use() -> None:
        slow = Slow()
        slow.go.set()
        turns = Turns(slow, at_once=1)
        piece = {"type": "http.request", "body": b"x", "more_body": True}
        sluggish = Sluggish(turns, "/", "POST", incoming=[piece])
        sending = asyncio.create_task(sluggish.run())
        while not sluggish.read:
            await asyncio.sleep(0)
        assert (await Asked(turns, "/").run()).status == 200
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    asyncio.run(use())


def test_who_gets_no_turn_in_time_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "TURN_TIMEOUT_S", 0.01)

    async def use() -> None:
        slow = Slow()
        turns = Turns(slow, at_once=1)
        first = asyncio.create_task(Asked(turns, "/").run())
        while not slow.now:
            await asyncio.sleep(0)
        second = await Asked(turns, "/").run()
        assert second.status == 503
        assert int(second.headers["retry-after"]) >= 1
        slow.go.set()
        assert (await first).status == 200
        assert (await Asked(turns, "/").run()).status == 200

    asyncio.run(use())


def test_a_client_that_does_not_read_its_answer_loses_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns_module, "STALLED_S", 0.01)

    async def stuck(_message: Any) -> None:
        await asyncio.Event().wait()

    async def use() -> None:
        slow = Slow()
        slow.go.set()
        turns = Turns(slow, at_once=1)
        asked = Asked(turns, "/")
        monkeypatch.setattr(asked, "_send", stuck)
        await asked.run()
        assert (await Asked(turns, "/").run()).status == 200

    asyncio.run(use())


# --- Bodies ---------------------------------------------------------------------------------


async def _read_all(scope: Any, receive: Any, send: Any) -> None:
    read = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        read += len(message["body"])
        if not message.get("more_body"):
            await JSONResponse(read)(scope, receive, send)
            return


def with_body(total: int, **headers: str) -> Asked:
    """A request whose body comes in pieces of 64 KiB."""
    sizes = [min(65_536, total - at) for at in range(0, total, 65_536)]
    more = [True] * (len(sizes) - 1) + [False]
    incoming = [
        {"type": "http.request", "body": b"x" * size, "more_body": follows}
        for size, follows in zip(sizes, more, strict=True)
    ]
    return Asked(BoundedBodies(_read_all), "/", "POST", headers, incoming=incoming).now()


def test_a_body_that_says_that_it_is_too_large_is_not_read() -> None:
    asked = with_body(9, **{"content-length": str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)})
    assert (asked.status, asked.read) == (413, 0)
    assert json.loads(asked.body) == {"detail": "The request body is too large."}


def test_a_body_that_does_not_say_how_large_it_is_ends_at_the_limit() -> None:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert with_body(limit).answer == limit
    too_large = with_body(3 * limit)
    assert too_large.sent == []
    assert too_large.read <= limit // 65_536 + 2
