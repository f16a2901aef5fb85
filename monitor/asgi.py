"""The ASGI application: Django, with what lives as long as the process around it."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
django = get_asgi_application()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve requests through Django, and the server's own start and end here."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif _announced_length(scope) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        await _refuse_large(send)
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
    from monitor.control.commands import control

    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            control().start()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            control().stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
