"""`GET /api/messages/stream/`: server-sent events of what is recorded, as it is recorded."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from monitor.api.failures import COME_BACK_S, DATABASE_AWAY
from monitor.api.roles import RolePermission, key_in, roles_of
from monitor.live.database import AWAY
from monitor.live.events import BadParameter, Position, Wanted, joined, said
from monitor.live.hub import CAPACITY, Client, Hub
from monitor.live.keys import BadToken, Keys
from testbed.protocol.states import Role

IDLE_S = 15.0
"""Seconds without an event after which the stream shows that it is alive."""
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
        if len(hub.clients) >= MAX_CLIENTS:
            detail = {"detail": f"There are {MAX_CLIENTS} clients already."}
            return JsonResponse(detail, status=503, headers=COME_BACK_S)
        return StreamingHttpResponse(
            _events(hub, Client(wanted), since),
            content_type="text/event-stream",
            headers=HEADERS,
        )

    return stream


async def _events(hub: Hub, client: Client, since: Position | None) -> AsyncIterator[bytes]:
    try:
        connected = said("connected", {"client_id": client.id, "status": "connected"})
        async for frames in hub.join(client, since):
            yield joined(frames or [connected])
        while True:
            frames = await client.take(IDLE_S)
            if client.overflowed:
                reason = f"more than {CAPACITY} events were waiting for this client"
                yield said("dropped", {"reason": reason}).encode()
                return
            if frames:
                yield joined(frames)
            else:
                yield said("heartbeat", {"timestamp": time.time()}, client.position).encode()
    except AWAY:
        yield said("dropped", {"reason": DATABASE_AWAY["detail"]}).encode()
    finally:
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
    return await sync_to_async(lambda: roles_of(request.user), thread_sensitive=False)()


def _last_event(request: HttpRequest) -> Position | None:
    text = request.headers.get("Last-Event-ID", "")
    return Position.parse(text) if text else None
