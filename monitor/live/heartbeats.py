"""Heartbeats on the event loop: all that arrive while one transaction commits share the next.

Only requests with a key are answered here; others go on to Django, whose view does the same one
by one (`monitor.api.agents`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import psycopg
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from monitor.access.failures import COME_BACK_S, DATABASE_AWAY, first_line
from monitor.access.roles import ADMINISTRATOR, AGENT, OPERATOR
from monitor.live.admission import Admission, Refusal, Rules
from monitor.records.database import AWAY, connect
from monitor.records.heartbeats import (
    LARGEST_BODY,
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
BATCH_TIMEOUT_S = 5.0
"""Seconds that a batch may take; then the database counts as away, and the agents try again."""
RULES = Rules(
    roles=frozenset({AGENT, OPERATOR, ADMINISTRATOR}),
    no_key="The Authorization header has to be: Token <key>",
)
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
            async with asyncio.timeout(BATCH_TIMEOUT_S):
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

    def __init__(self, writer: HeartbeatWriter, admission: Admission) -> None:
        self._writer = writer
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        with contextlib.suppress(ClientDisconnect):
            answer = await self._answer(request)
            await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        await self._admission.admit(request, RULES)  # before anything of the body is read
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            raise Refusal(415, "The body has to be application/json.")
        try:
            stored = await self._writer.store(read_body(await _body(request)))
        except BadHeartbeat as error:
            return JSONResponse(error.problems, 400)
        except AWAY:
            return JSONResponse(DATABASE_AWAY, 503, COME_BACK_S)
        except psycopg.Error as error:
            return JSONResponse({"non_field_errors": [first_line(error)]}, 400)
        return Response(stored.agent, 201 if stored.is_new else 200, media_type="application/json")


async def _body(request: Request) -> bytes:
    """The body of a heartbeat, or so much of it that it is seen to be too large.

    :raises ClientDisconnect: the client has gone
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            break
    return body


class HeartbeatRoute(Route):
    """The route of heartbeats with a key; what a browser sends is Django's, which asks for its
    CSRF token.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is a heartbeat with a key."""
        has_key = any(name == b"authorization" and value for name, value in scope["headers"])
        if scope["type"] == "http" and scope["method"] == "POST" and has_key:
            return super().matches(scope)
        return Match.NONE, {}
