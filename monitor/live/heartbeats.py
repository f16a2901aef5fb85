"""Heartbeats on the event loop: all that arrive while one transaction commits share the next.

Only requests with a key are answered here; others go on to Django, whose view does the same one
by one (`monitor.api.agents`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

import psycopg
from django.db import Error as DatabaseError

from monitor.api.failures import COME_BACK_S, DATABASE_AWAY, first_line
from monitor.api.roles import ADMINISTRATOR, AGENT, OPERATOR, RolePermission, key_in
from monitor.live.database import AWAY, connect
from monitor.live.keys import BadToken, Keys
from monitor.records.heartbeats import (
    STATEMENT,
    BadHeartbeat,
    Beat,
    StoredHeartbeat,
    parameters,
    read_body,
)

log = logging.getLogger(__name__)

PATH = "/api/systemagents/heartbeat/"
BATCH = 200
PATIENCE_S = 5.0
"""Seconds that a batch may take; then the database counts as away, and the agents try again."""
MAY_WRITE = frozenset({AGENT, OPERATOR, ADMINISTRATOR})
Waiting = tuple[Beat, "asyncio.Future[StoredHeartbeat]"]


class HeartbeatWriter:
    """One connection, and a task that writes what has come in, batch after batch."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._writing: list[Waiting] = []
        self._arrived = asyncio.Event()
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write; call it on the event loop."""
        self._task = asyncio.create_task(self._write_for_ever())

    async def stop(self) -> None:
        """End; who still waits is told that the database is away."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for _, answer in (*self._writing, *self._waiting):
            if not answer.done():
                answer.set_exception(psycopg.OperationalError("the monitor is stopping"))
        await self._disconnect()

    async def store(self, beat: Beat) -> StoredHeartbeat:
        """Store a heartbeat, stamped with the server's time; returns after its commit.

        :raises psycopg.Error: it is not stored
        """
        answer: asyncio.Future[StoredHeartbeat] = asyncio.get_running_loop().create_future()
        self._waiting.append((beat, answer))
        self._arrived.set()
        return await answer

    async def _write_for_ever(self) -> None:
        while True:
            await self._arrived.wait()
            batch = self._writing = self._take_batch()
            if not await self._tried(batch, alone=len(batch) == 1):
                for one in batch:  # the one that cannot be stored spoils no other
                    await self._tried([one], alone=True)

    async def _tried(self, batch: list[Waiting], alone: bool) -> bool:
        """Write a batch; whether everybody in it has an answer."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._write(batch)
            return True
        except Exception as error:
            await self._disconnect()
            if not isinstance(error, AWAY):
                log.exception("heartbeats cannot be stored")
                if not alone:
                    return False
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return True

    def _take_batch(self) -> list[Waiting]:
        """The oldest heartbeats, of each agent one: a second one waits for the next batch."""
        batch: dict[str, Waiting] = {}
        left: list[Waiting] = []
        for one in self._waiting:
            name = one[0].instance_name
            if name in batch or len(batch) >= BATCH:
                left.append(one)
            else:
                batch[name] = one
        self._waiting = left
        if not left:
            self._arrived.clear()
        return list(batch.values())

    async def _write(self, batch: list[Waiting]) -> None:
        if self._connection is None:
            self._connection = await connect()
        beats = [beat for beat, _ in batch]
        cursor = await self._connection.execute(STATEMENT, parameters(beats))
        stored = {name: StoredHeartbeat(*rest) for name, *rest in await cursor.fetchall()}
        for beat, answer in batch:
            if answer.done():
                continue
            if beat.instance_name in stored:
                answer.set_result(stored[beat.instance_name])
            else:  # somebody else added the agent at this very moment
                self._waiting.insert(0, (beat, answer))
                self._arrived.set()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*AWAY):
                await connection.close()


class HeartbeatEndpoint:
    """The ASGI application at `PATH`, for requests with a key."""

    def __init__(self, writer: HeartbeatWriter, keys: Keys) -> None:
        self._writer = writer
        self._keys = keys

    def takes(self, scope: Any) -> bool:
        """Whether a request is answered here."""
        return (
            scope["path"] == PATH
            and scope["method"] == "POST"
            and _header(scope, b"authorization") != b""
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> int:
        """Answer a request; the status."""
        body = await _body(receive)
        if body is None:
            return 499
        status, answer, headers = await self._answer(scope, body)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(answer)).encode()),
                    *((name.lower().encode(), text.encode()) for name, text in headers.items()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": answer})
        return status

    async def _answer(self, scope: Any, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        try:
            key = key_in(_header(scope, b"authorization"))
            if key is None:
                raise BadToken("The Authorization header has to be: Token <key>")
            roles = await self._keys.roles(key)
        except BadToken as error:
            return _said(401, {"detail": str(error)}, {"WWW-Authenticate": "Token"})
        except DatabaseError:
            return _said(503, DATABASE_AWAY, COME_BACK_S)
        if not roles & MAY_WRITE:
            return _said(403, {"detail": RolePermission.message})
        if not _header(scope, b"content-type").lower().startswith(b"application/json"):
            return _said(415, {"detail": "The body has to be application/json."})
        try:
            stored = await self._writer.store(read_body(body))
        except BadHeartbeat as error:
            return _said(400, error.problems)
        except AWAY:
            return _said(503, DATABASE_AWAY, COME_BACK_S)
        except psycopg.Error as error:
            return _said(400, {"non_field_errors": [first_line(error)]})
        return 201 if stored.is_new else 200, stored.agent.encode(), {}


def _said(
    status: int, answer: dict[str, Any], headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    return status, json.dumps(answer).encode(), headers or {}


def _header(scope: Any, wanted: bytes) -> bytes:
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return b""


async def _body(receive: Any) -> bytes | None:
    """The whole body; None when the client has gone."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
