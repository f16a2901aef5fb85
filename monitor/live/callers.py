"""Who a key or a session belongs to, looked up on a thread and remembered for a moment."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from monitor.access.roles import REMEMBERED_S, roles_of, token_of
from monitor.records.database import own_connection
from swf_common.protocol.states import Role

LOOK_UPS = ThreadPoolExecutor(4, "look-up")
"""Threads for look-ups alone: heartbeats wait for them, and other threads wait for the broker."""
CAPACITY = 1000


@dataclass(frozen=True)
class Caller:
    """A user, with the roles of the token or the session in use."""

    name: str
    roles: frozenset[Role]


class Kind(StrEnum):
    """By what a request says who it is."""

    KEY = "key"
    SESSION = "session"


class Callers:
    """Those who asked lately."""

    def __init__(self) -> None:
        self._known: dict[tuple[Kind, str], tuple[float, Caller]] = {}
        self._looking_up = asyncio.Lock()

    async def by(self, kind: Kind, value: str) -> Caller | None:
        """The caller with that key or session; None when the session has ended.

        :raises BadToken: the key opens nothing
        :raises django.db.Error: the database is away
        """
        known = self._remembered(kind, value)
        if known is not None:
            return known
        async with self._looking_up:
            return self._remembered(kind, value) or await self.by_now(kind, value)

    async def by_now(self, kind: Kind, value: str) -> Caller | None:
        """The same as `by`, looked up at this moment whatever is remembered."""
        look_up = sync_to_async(_look_up, thread_sensitive=False, executor=LOOK_UPS)
        caller = await look_up(kind, value)
        if caller is not None and caller.roles:
            if len(self._known) >= CAPACITY:
                self._known.clear()
            self._known[kind, value] = (time.monotonic(), caller)
        return caller

    def _remembered(self, kind: Kind, value: str) -> Caller | None:
        since, caller = self._known.get((kind, value), (0.0, None))
        return caller if time.monotonic() - since < REMEMBERED_S else None


def _look_up(kind: Kind, value: str) -> Caller | None:
    with own_connection():
        return _with_key(value) if kind == Kind.KEY else _signed_in(value)


def _with_key(key: str) -> Caller:
    token = token_of(key)
    token.used()
    return Caller(token.user.get_username(), roles_of(token.user, token))


def _signed_in(session: str) -> Caller | None:
    request = HttpRequest()
    request.session = SessionStore(session)
    user = get_user(request)
    return Caller(user.get_username(), roles_of(user)) if user.is_authenticated else None
