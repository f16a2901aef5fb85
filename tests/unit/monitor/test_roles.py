"""Keys and roles: what an `Authorization` header carries, who may do what, what is remembered."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from hypothesis import given
from hypothesis import strategies as st

from monitor.access.roles import (
    ALL_ROLES,
    REMEMBERED_S,
    BadToken,
    RecentTokens,
    asker,
    key_in,
    roles_of,
)
from monitor.live import callers as callers_module
from monitor.live.callers import CAPACITY, Caller, Callers, Kind
from swf_common.protocol.states import Role
from swf_common.protocol.users import USER_HEADER

VIEWER_ONLY = frozenset({Role.VIEWER})


@pytest.mark.parametrize(
    "header", [b"Token abc", b"token abc", b"Bearer abc", b"BEARER abc", b"  Token   abc  "]
)
def test_a_key_comes_as_token_or_bearer(header: bytes) -> None:
    assert key_in(header) == "abc"


@pytest.mark.parametrize("header", [b"", b"   ", b"Basic abc", b"abc", b"Tokenabc", b"Digest a b"])
def test_a_header_of_another_scheme_carries_no_key(header: bytes) -> None:
    assert key_in(header) is None


@pytest.mark.parametrize("header", [b"Token", b"Bearer ", b"Token a b", b"bearer a b c"])
def test_a_scheme_of_ours_needs_exactly_one_key(header: bytes) -> None:
    with pytest.raises(BadToken, match="Token <key>"):
        key_in(header)


@given(st.binary())
def test_any_header_gives_a_key_or_none_or_is_refused(header: bytes) -> None:
    try:
        key = key_in(header)
    except BadToken:
        return
    assert key is None or (key != "" and key.encode("latin-1") in header)


class Groups:
    """The groups of a user; counts how often somebody asks."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked = 0

    def values_list(self, name: str, flat: bool) -> tuple[str, ...]:
        assert (name, flat) == ("name", True)
        self.asked += 1
        return self.names


def user(*groups: str, active: bool = True, superuser: bool = False) -> Any:
    return SimpleNamespace(is_active=active, is_superuser=superuser, groups=Groups(*groups))


def token(role: Role) -> Any:
    return SimpleNamespace(role=role.value)


def test_nobody_has_no_role() -> None:
    assert roles_of(AnonymousUser()) == frozenset()


def test_a_user_has_the_roles_of_the_groups_that_are_roles() -> None:
    assert roles_of(user("viewer", "operator", "choir")) == {Role.VIEWER, Role.OPERATOR}
    assert roles_of(user()) == frozenset()


def test_a_group_does_not_make_an_administrator() -> None:
    assert roles_of(user("administrator")) == frozenset()


def test_a_superuser_has_every_role() -> None:
    assert roles_of(user(superuser=True)) == ALL_ROLES


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.OPERATOR])
def test_a_token_carries_its_own_role_as_long_as_its_user_has_it(role: Role) -> None:
    assert roles_of(user(superuser=True), token(role)) == {role}
    assert roles_of(user("viewer", "agent", "operator"), token(role)) == {role}
    assert roles_of(user(), token(role)) == frozenset()
    assert roles_of(user("choir"), token(role)) == frozenset()


def test_whoever_has_a_role_reads_by_a_viewers_token() -> None:
    assert roles_of(user("operator"), token(Role.VIEWER)) == VIEWER_ONLY
    assert roles_of(user("viewer"), token(Role.OPERATOR)) == frozenset()


def test_an_administrators_token_carries_what_its_user_may() -> None:
    assert roles_of(user(superuser=True), token(Role.ADMINISTRATOR)) == ALL_ROLES
    assert roles_of(user("viewer"), token(Role.ADMINISTRATOR)) == VIEWER_ONLY


@pytest.mark.parametrize("superuser", [True, False])
def test_who_is_not_active_has_no_role_with_or_without_a_token(superuser: bool) -> None:
    gone = user("operator", active=False, superuser=superuser)
    assert roles_of(gone) == frozenset()
    assert roles_of(gone, token(Role.ADMINISTRATOR)) == frozenset()


def test_the_groups_of_a_user_are_asked_for_once_a_request() -> None:
    one = user("viewer")
    assert roles_of(one) == roles_of(one) == VIEWER_ONLY
    assert one.groups.asked == 1


class Book:
    """Stands for the table of tokens: by key the roles, or what looking it up raises."""

    def __init__(self, **known: frozenset[Role] | Exception) -> None:
        self.known = known
        self.looked_up: list[str] = []
        self.now = 1000.0
        self.let_go = threading.Event()
        self.let_go.set()

    def look_up(self, kind: Kind, key: str) -> Caller | None:
        self.looked_up.append(key)
        assert self.let_go.wait(10)
        found = self.known.get(key, VIEWER_ONLY)
        if isinstance(found, Exception):
            raise found
        return Caller(f"{kind} {key}", found)


class Keys(Callers):
    """The roles of callers by their keys."""

    async def roles(self, key: str) -> frozenset[Role]:
        caller = await self.by(Kind.KEY, key)
        assert caller is not None
        return caller.roles


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Book:
    made = Book()
    monkeypatch.setattr(callers_module, "_look_up", made.look_up)
    monkeypatch.setattr(callers_module, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def test_a_key_is_looked_up_once_and_then_remembered(book: Book) -> None:
    async def use() -> None:
        keys = Keys()
        for _ in range(3):
            assert await keys.roles("abc") == VIEWER_ONLY
        book.now += REMEMBERED_S - 0.1
        assert await keys.roles("abc") == VIEWER_ONLY

    asyncio.run(use())
    assert book.looked_up == ["abc"]


def test_a_key_is_looked_up_again_after_a_moment_and_may_be_gone(book: Book) -> None:
    async def use() -> None:
        keys = Keys()
        await keys.roles("abc")
        book.known["abc"] = BadToken("Invalid token.")
        book.now += REMEMBERED_S
        with pytest.raises(BadToken, match="Invalid"):
            await keys.roles("abc")

    asyncio.run(use())
    assert book.looked_up == ["abc", "abc"]


def test_use_does_not_make_a_key_remembered_for_longer(book: Book) -> None:
    async def use() -> None:
        keys = Keys()
        for _ in range(4):
            await keys.roles("abc")
            book.now += REMEMBERED_S * 0.4

    asyncio.run(use())
    assert len(book.looked_up) == 2


def test_a_key_that_opens_nothing_is_not_remembered(book: Book) -> None:
    book.known["new"] = BadToken("Invalid token.")

    async def use() -> None:
        keys = Keys()
        with pytest.raises(BadToken):
            await keys.roles("new")
        book.known["new"] = VIEWER_ONLY
        assert await keys.roles("new") == VIEWER_ONLY

    asyncio.run(use())


def test_a_database_that_is_away_is_told_and_asked_again(book: Book) -> None:
    from django.db import OperationalError

    book.known["abc"] = OperationalError("away")

    async def use() -> None:
        keys = Keys()
        with pytest.raises(OperationalError):
            await keys.roles("abc")
        book.known["abc"] = VIEWER_ONLY
        assert await keys.roles("abc") == VIEWER_ONLY

    asyncio.run(use())


def test_keys_are_not_mistaken_for_each_other(book: Book) -> None:
    book.known.update(one=frozenset({Role.AGENT}), two=ALL_ROLES)

    async def use() -> None:
        keys = Keys()
        for _ in range(2):
            assert await keys.roles("one") == {Role.AGENT}
            assert await keys.roles("two") == ALL_ROLES

    asyncio.run(use())
    assert book.looked_up == ["one", "two"]


def test_many_requests_with_a_new_key_look_it_up_once(book: Book) -> None:
    book.let_go.clear()

    async def use() -> None:
        keys = Keys()
        asking = [asyncio.create_task(keys.roles("abc")) for _ in range(20)]
        while not book.looked_up:
            await asyncio.sleep(0)
        book.let_go.set()
        assert set(await asyncio.gather(*asking)) == {VIEWER_ONLY}

    asyncio.run(use())
    assert book.looked_up == ["abc"]


def test_no_more_keys_are_remembered_than_there_is_room_for(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers_module, "CAPACITY", 10)

    async def use() -> None:
        keys = Keys()
        for number in range(25):
            assert await keys.roles(f"key-{number}") == VIEWER_ONLY
            assert len(keys._known) <= 10
            assert await keys.roles(f"key-{number}") == VIEWER_ONLY

    asyncio.run(use())
    assert len(book.looked_up) == 25
    assert CAPACITY >= 100


@pytest.mark.parametrize(
    ("name", "person", "told"),
    [
        ("jane", None, "jane"),
        ("jane", "john", "jane"),
        ("service-operator", "jane", "jane (service-operator)"),
        ("service-operator", None, "service-operator"),
        ("service-operator", "", "service-operator"),
        ("service-operator", "jane\n", "service-operator"),
        ("service-operator", "x" * 101, "service-operator"),
    ],
)
def test_a_service_account_is_told_with_the_person_who_uses_it(
    name: str, person: str | None, told: str
) -> None:
    headers = {} if person is None else {USER_HEADER: person}
    assert asker(SimpleNamespace(user=name, headers=headers)) == told  # type: ignore[arg-type]


class Tokens:
    """Stands for the table of tokens, and for the clock."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.now = 1000.0
        self.looked_up = 0
        self.revoked = False
        self.token: Any = SimpleNamespace(role=role, expired=False, used=lambda: None)
        self.recent = RecentTokens(self._look_up, lambda: self.now)

    def _look_up(self, key: str) -> Any:
        self.looked_up += 1
        if self.revoked:
            raise BadToken("Invalid token.")
        return self.token


def test_an_agents_token_is_remembered_for_a_moment_and_not_longer() -> None:
    tokens = Tokens(Role.AGENT)
    for _ in range(3):
        assert tokens.recent.token_of("abc") is tokens.token
    tokens.revoked = True
    tokens.now += REMEMBERED_S - 0.1
    assert tokens.recent.token_of("abc") is tokens.token
    assert tokens.looked_up == 1
    tokens.now += 0.2
    with pytest.raises(BadToken):
        tokens.recent.token_of("abc")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR])
def test_the_token_of_a_person_is_looked_up_each_time(role: Role) -> None:
    tokens = Tokens(role)
    tokens.recent.token_of("abc")
    tokens.revoked = True
    with pytest.raises(BadToken):
        tokens.recent.token_of("abc")


def test_a_remembered_token_that_expires_is_looked_up_again() -> None:
    tokens = Tokens(Role.AGENT)
    tokens.recent.token_of("abc")
    tokens.token.expired = tokens.revoked = True
    with pytest.raises(BadToken):
        tokens.recent.token_of("abc")
