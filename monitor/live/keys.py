"""Which roles a key carries, looked up without a thread and remembered for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from asgiref.sync import sync_to_async
from django.db import connection

from monitor.api.roles import BadToken, roles_of, token_of
from testbed.protocol.states import Role

REMEMBERED_S = 5.0
"""How long a key is not looked up again; a revoked one works for that long at the most."""
CAPACITY = 1000


class Keys:
    """The keys that were used lately."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, frozenset[Role]]] = {}
        self._looking = asyncio.Lock()

    async def roles(self, key: str) -> frozenset[Role]:
        """The roles that a key carries.

        :raises BadToken: none
        :raises django.db.Error: the database is away
        """
        known = self._remembered(key)
        if known is not None:
            return known
        async with self._looking:
            known = self._remembered(key)
            if known is not None:
                return known
            roles = await sync_to_async(_look_up, thread_sensitive=False)(key)
            if len(self._known) >= CAPACITY:
                self._known.clear()
            self._known[key] = (time.monotonic(), roles)
            return roles

    def _remembered(self, key: str) -> frozenset[Role] | None:
        since, roles = self._known.get(key, (0.0, frozenset()))
        return roles if roles and time.monotonic() - since < REMEMBERED_S else None


def _look_up(key: str) -> frozenset[Role]:
    with borrowed_connection():
        token = token_of(key)
        token.used()
        return roles_of(token.user, token)


@contextmanager
def borrowed_connection() -> Iterator[None]:
    """Work with the ORM on a thread of the event loop: nothing else gives its connection back."""
    try:
        yield
    finally:
        connection.close()


__all__ = ["BadToken", "Keys"]
