"""The ASGI application: Django, what answers on the event loop, and what lives as long as the
process around them.
"""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
django = get_asgi_application()

from monitor.control.commands import control  # noqa: E402 - models need the set-up above
from monitor.live.heartbeats import PATH  # noqa: E402
from monitor.live.metrics import observe  # noqa: E402
from monitor.live.process import heartbeat_endpoint, heartbeat_writer, hub  # noqa: E402
from monitor.mcp.endpoint import McpEndpoint  # noqa: E402
from monitor.mcp.server import make_server  # noqa: E402
from monitor.records.own_logs import DatabaseLogHandler  # noqa: E402

mcp_endpoint = McpEndpoint(make_server())


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve requests, and the server's own start and end."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif _announced_length(scope) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        await _refuse_large(send)
    elif heartbeat_endpoint.takes(scope):
        started = time.perf_counter()
        status = await heartbeat_endpoint(scope, _bounded(receive), send)
        observe("POST", PATH, status, time.perf_counter() - started)
    elif mcp_endpoint.takes(scope):
        await mcp_endpoint(scope, _bounded(receive), send)
    else:
        await django(scope, _bounded(receive), send)


def _announced_length(scope: Any) -> int:
    for name, value in scope.get("headers", ()):
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse_large(send: Any) -> None:
    """413, before anything of the body is kept: whoever sends it may have no token."""
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    body = b'{"detail": "The request body is too large."}'
    await send({"type": "http.response.body", "body": body})


def _bounded(receive: Any) -> Any:
    """A `receive` that ends a body of unannounced length as if the client had gone."""
    received = 0

    async def bounded() -> Any:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return {"type": "http.disconnect"}
        return message

    return bounded


async def _lifespan(receive: Any, send: Any) -> None:
    running = AsyncExitStack()
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            DatabaseLogHandler("monitor").start()
            control().start()
            heartbeat_writer.start()
            hub.start()
            await running.enter_async_context(mcp_endpoint.running())
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await running.aclose()
            await hub.stop()
            await heartbeat_writer.stop()
            control().stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
