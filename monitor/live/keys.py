"""Which roles a key carries, looked up without a thread and remembered for a moment."""

from __future__ import annotations

import asyncio
import time

from asgiref.sync import sync_to_async

from monitor.api.roles import BadToken, roles_of, token_of
from monitor.live.database import own_connection
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
    with own_connection():
        token = token_of(key)
        token.used()
        return roles_of(token.user, token)


__all__ = ["BadToken", "Keys"]
