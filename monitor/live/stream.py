"""`GET /api/messages/stream/`: server-sent events of what is recorded, as it is recorded."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from monitor.api.failures import COME_BACK_S, DATABASE_AWAY
from monitor.api.roles import RolePermission, key_in, roles_of
from monitor.live.clients import CAPACITY, Client
from monitor.live.database import AWAY, own_connection
from monitor.live.events import BadParameter, Position, Wanted, joined, said
from monitor.live.hub import Hub
from monitor.live.keys import BadToken, Keys
from testbed.protocol.states import Role

IDLE_S = 15.0
"""Seconds without an event after which the stream shows that it is alive."""
CHECK_S = 10.0
"""Seconds after which it is checked again whether a client may read."""
MAX_CLIENTS = 500
HEADERS = {"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no"}


def stream_view(hub: Hub, keys: Keys) -> Callable[[HttpRequest], Any]:
    """The view that streams from a hub."""

    @csrf_exempt  # it only reads, and says so itself to whoever writes
    async def stream(request: HttpRequest) -> Any:
        refusal = await _refusal(request, keys)
        if refusal is not None:
            return refusal
        try:
            wanted = Wanted.read({name: request.GET[name] for name in request.GET})
            since = _last_event(request)
        except BadParameter as error:
            return JsonResponse({error.name: [str(error)]}, status=400)
        if hub.readers >= MAX_CLIENTS:
            detail = {"detail": f"There are {MAX_CLIENTS} clients already."}
            return JsonResponse(detail, status=503, headers=COME_BACK_S)
        return StreamingHttpResponse(
            _events(hub, wanted, since, lambda: _may_read(request, keys)),
            content_type="text/event-stream",
            headers=HEADERS,
        )

    return stream


async def _events(
    hub: Hub, wanted: Wanted, since: Position | None, may_read: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    client = Client(wanted)
    hub.readers += 1
    checked = time.monotonic()
    try:
        connected = said("connected", {"client_id": client.id, "status": "connected"})
        async for frames in hub.join(client, since):
            yield joined(frames or [connected])
        while True:
            frames = await client.take(IDLE_S)
            if time.monotonic() - checked > CHECK_S:
                checked = time.monotonic()
                if not await may_read():
                    yield said("dropped", {"reason": "your access has ended"}).encode()
                    return
            if client.overflowed:
                reason = f"more than {CAPACITY} events were waiting for this client"
                yield said("dropped", {"reason": reason}).encode()
                return
            if frames:
                yield joined(frames)
            else:
                yield said("heartbeat", {"timestamp": time.time()}, client.position).encode()
    except (*AWAY, DatabaseError):
        yield said("dropped", {"reason": DATABASE_AWAY["detail"]}).encode()
    finally:
        hub.readers -= 1
        hub.leave(client)


async def _refusal(request: HttpRequest, keys: Keys) -> HttpResponse | None:
    """Why a request may not read; None when it may."""
    if request.method != "GET":
        return JsonResponse({"detail": "Only GET."}, status=405, headers={"Allow": "GET"})
    try:
        roles = await _roles(request, keys)
    except BadToken as error:
        headers = {"WWW-Authenticate": "Token"}
        return JsonResponse({"detail": str(error)}, status=401, headers=headers)
    except DatabaseError:
        return JsonResponse(DATABASE_AWAY, status=503, headers=COME_BACK_S)
    if roles or settings.TESTBED_ANONYMOUS_READ:
        return None
    if request.headers.get("Authorization") or request.COOKIES.get(settings.SESSION_COOKIE_NAME):
        return JsonResponse({"detail": RolePermission.message}, status=403)
    detail = {"detail": "Authentication credentials were not provided."}
    return JsonResponse(detail, status=401, headers={"WWW-Authenticate": "Token"})


async def _roles(request: HttpRequest, keys: Keys) -> frozenset[Role]:
    key = key_in(request.headers.get("Authorization", "").encode("latin-1", "replace"))
    if key is not None:
        return await keys.roles(key)
    return await sync_to_async(_roles_of_session, thread_sensitive=False)(request)


def _roles_of_session(request: HttpRequest) -> frozenset[Role]:
    """The roles of who is signed in now: the session is read anew, it may have ended."""
    with own_connection():
        store = type(request.session)
        request.session = store(request.session.session_key)
        return roles_of(get_user(request))


async def _may_read(request: HttpRequest, keys: Keys) -> bool:
    """Whether a client that reads already still may.

    :raises django.db.Error: the database is away
    """
    try:
        return bool(await _roles(request, keys)) or settings.TESTBED_ANONYMOUS_READ
    except BadToken:
        return False


def _last_event(request: HttpRequest) -> Position | None:
    text = request.headers.get("Last-Event-ID", "")
    return Position.parse(text) if text else None
