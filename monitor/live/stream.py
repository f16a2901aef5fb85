"""`GET /api/messages/stream/`: server-sent events of what is recorded, as it is recorded.

A stream is a task on the event loop: it holds no thread, and a connection to the database only
while it catches up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from django.db import Error as DatabaseError
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from monitor.access.failures import COME_BACK_S, DATABASE_AWAY
from monitor.live.admission import Admission, Refusal, Rules
from monitor.live.clients import CAPACITY, Client
from monitor.live.events import BadParameter, Position, Wanted, joined, stream_event
from monitor.live.hub import Hub
from monitor.records.database import AWAY

PATH = "/api/messages/stream/"
IDLE_S = 15.0
"""Seconds without an event after which the stream shows that it is alive."""
CHECK_S = 10.0
"""Seconds after which it is checked again whether a client may read."""
MAX_CLIENTS = 500
RULES = Rules(reading=True)
HEADERS = {
    "Cache-Control": "no-cache, no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


class StreamEndpoint:
    """The ASGI application at `PATH`."""

    def __init__(self, hub: Hub, admission: Admission) -> None:
        self._hub = hub
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream to one client until one of the two ends it."""
        if scope["method"] != "GET":
            raise Refusal(405, "Only GET.", {"Allow": "GET"})
        request = HTTPConnection(scope)
        await self._admission.admit(request, RULES)
        try:
            wanted = Wanted.read(dict(request.query_params))
            last = request.headers.get("last-event-id", "")
            since = Position.parse(last) if last else None
        except BadParameter as error:
            await JSONResponse({error.name: [str(error)]}, 400)(scope, receive, send)
            return
        # nothing may be awaited between the look and the count
        if self._hub.readers >= MAX_CLIENTS:
            raise Refusal(503, f"There are {MAX_CLIENTS} clients already.", COME_BACK_S)
        client = Client(wanted)
        self._hub.readers += 1
        events = self._events(client, since, request)
        answer = StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)
        try:
            await answer(scope, receive, send)
        except asyncio.CancelledError:
            if not client.cut_off:
                raise
        finally:
            self._hub.readers -= 1
            self._hub.leave(client)
            await events.aclose()

    async def _events(
        self, client: Client, since: Position | None, request: HTTPConnection
    ) -> AsyncGenerator[bytes]:
        checked = time.monotonic()
        try:
            connected = stream_event("connected", {"client_id": client.id, "status": "connected"})
            async with aclosing(self._hub.join(client, since)) as pages:
                async for frames in pages:
                    yield joined(frames or [connected])
            while True:
                frames = await client.take(IDLE_S)
                if time.monotonic() - checked > CHECK_S:
                    checked = time.monotonic()
                    if not await self._may_read(request):
                        yield stream_event("dropped", {"reason": "your access has ended"}).encode()
                        return
                if client.overflowed:
                    reason = f"more than {CAPACITY} events were waiting for this client"
                    yield stream_event("dropped", {"reason": reason}).encode()
                    return
                if frames:
                    yield joined(frames)
                else:
                    beat = {"timestamp": time.time()}
                    yield stream_event("heartbeat", beat, client.position).encode()
        except (*AWAY, DatabaseError):
            yield stream_event("dropped", {"reason": DATABASE_AWAY["detail"]}).encode()

    async def _may_read(self, request: HTTPConnection) -> bool:
        """Whether a client that reads already still may.

        :raises django.db.Error: the database is away
        """
        try:
            await self._admission.admit(request, RULES)
        except Refusal:
            return False
        return True
