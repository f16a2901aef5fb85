"""Connections to the database for the event loop, beside those of Django's threads."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from psycopg.types.string import TextLoader

AWAY = (psycopg.OperationalError, psycopg.InterfaceError, OSError)
"""What a connection raises when the database is away."""


async def connect() -> psycopg.AsyncConnection[Any]:
    """A connection that commits each statement, and gives JSON as its text: one value that
    cannot be decoded must not make a whole page unreadable.

    :raises psycopg.OperationalError: the database is away
    """
    database: dict[str, Any] = settings.DATABASES["default"]
    liveness: dict[str, Any] = settings.DATABASE_LIVENESS
    connection = await psycopg.AsyncConnection.connect(
        host=database["HOST"],
        port=database["PORT"],
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        autocommit=True,
        **liveness,
    )
    connection.adapters.register_loader("jsonb", TextLoader)
    return connection
