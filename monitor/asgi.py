"""The ASGI application: Django, with what lives as long as the process around it."""

from __future__ import annotations

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
django = get_asgi_application()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve requests through Django, and the server's own start and end here."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await django(scope, receive, send)


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
