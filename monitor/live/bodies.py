"""A limit for the bodies of all requests, before anybody reads them."""

from __future__ import annotations

from django.conf import settings
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.access.failures import TOO_LARGE


class BoundedBodies:
    """Refuses bodies over `DATA_UPLOAD_MAX_MEMORY_SIZE`: a sender may have no token.

    Starlette's own limit answers in plain text, and leaves the rest of the body to be read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > limit:
            refusal = JSONResponse(TOO_LARGE, 413, {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        received = 0

        async def bounded() -> Message:
            """The next message; a body of unannounced length ends as if the client had gone."""
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return {"type": "http.disconnect"} if received > limit else message

        await self._app(scope, bounded, send)
