"""One request to an ASGI application, as its server makes it, and the answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from monitor.live.answers import ANSWERS

GONE = {"type": "http.disconnect"}


class Asked:
    """A request to an application, and what it answered.

    :param incoming: what the server hands over, one after the other; default: an empty body
    :ivar read: how many messages of the request the application took
    """

    def __init__(
        self,
        application: Any,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        query: str = "",
        incoming: Sequence[dict[str, Any]] = ({"type": "http.request"},),
    ) -> None:
        given = {"host": "localhost", **(headers or {})}
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        }
        self._application = application
        self._incoming = list(incoming)
        self.read = 0
        self.sent: list[Any] = []

    async def run(self) -> Asked:
        """Have it answered."""
        await self._application(self.scope, self._receive, self._send)
        return self

    def now(self) -> Asked:
        """Have it answered, on an event loop of its own."""
        return asyncio.run(self.run())

    async def _receive(self) -> dict[str, Any]:
        self.read += 1
        return self._incoming.pop(0) if self._incoming else GONE

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def answer(self) -> Any:
        return json.loads(self.body)


def application(*routes: BaseRoute) -> Starlette:
    """An application that answers failures as the monitor does."""
    return Starlette(routes=routes, exception_handlers=ANSWERS)
