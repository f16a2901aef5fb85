"""Connections to the database beside those of Django's requests: on the event loop, and on threads
of its executor.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.types.string import TextLoader

LIVE_CHANNEL = "swf_live"
"""What triggers announce new rows on (migration 0003), for the live stream. Another name takes a
migration that makes the triggers again.
"""
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, OSError)
"""What a connection raises when the database is away."""


@contextmanager
def own_connection() -> Iterator[None]:
    """Let a thread that Django does not know work with the ORM, and give its connection back."""
    try:
        yield
    finally:
        connection.close()


def give_back() -> None:
    """Give this thread's connection back to the pool: call it before you wait for another program.
    A transaction keeps its own.
    """
    if not connection.in_atomic_block:
        connection.close()


async def connect() -> psycopg.AsyncConnection[Any]:
    """A connection that commits each statement, and gives JSON as its text: one value that
    cannot be decoded must not make a whole page unreadable.

    :raises psycopg.OperationalError: the database is away
    """
    database: dict[str, Any] = settings.DATABASES["default"]
    liveness: dict[str, Any] = settings.DATABASE_LIVENESS
    made = await psycopg.AsyncConnection.connect(
        host=database["HOST"],
        port=database["PORT"],
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        autocommit=True,
        **liveness,
    )
    made.adapters.register_loader("jsonb", TextLoader)
    return made
