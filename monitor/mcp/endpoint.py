"""`POST /mcp/`: who may talk to the MCP server, and how requests reach it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.http.request import split_domain_port, validate_host
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from monitor.api.failures import COME_BACK_S, DATABASE_AWAY
from monitor.api.roles import BadToken
from monitor.live.database import own_connection
from monitor.live.metrics import observe
from monitor.mcp.callers import SCOPE_KEY, Caller, caller_with

PATH = "/mcp/"
NO_TOKEN = "Send an API token: Authorization: Bearer <key>. One is made by: testbed token"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="swf-testbed"'}


class Refusal(Exception):
    """A request that does not reach the server.

    :param status: of the answer
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}


class McpEndpoint:
    """The ASGI application at `PATH`: stateless, JSON answers, no streams.

    The host is checked here, with Django's rules, instead of by the SDK.
    """

    def __init__(self, server: MCPServer) -> None:
        self._application = server.streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            max_request_body_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._manager = server.session_manager

    @staticmethod
    def takes(scope: Any) -> bool:
        """Whether a request is answered here."""
        return bool(scope["path"] in (PATH, PATH.rstrip("/")))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve requests while the context is open; once in the life of this object."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        started = time.perf_counter()
        status = 499

        async def observed(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            caller = await _admitted(scope)
            admitted = {**scope, "path": PATH, "raw_path": PATH.encode(), SCOPE_KEY: caller}
            await self._application(admitted, receive, observed)
        except Refusal as refusal:
            await _answer(observed, refusal)
        finally:
            observe("POST", PATH, status, time.perf_counter() - started)


async def _admitted(scope: Any) -> Caller:
    """Who calls.

    :raises Refusal: nobody who may
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    _check_host(headers.get(b"host", ""), headers.get(b"origin"))
    if scope["method"] != "POST":
        text = "Only POST: this server is stateless and opens no streams."
        raise Refusal(405, text, {"Allow": "POST"})
    try:
        header = headers.get(b"authorization", "").encode("latin-1")
        caller = await sync_to_async(_caller, thread_sensitive=False)(header)
    except BadToken as error:
        challenge = {"WWW-Authenticate": f'{CHALLENGE["WWW-Authenticate"]}, error="invalid_token"'}
        raise Refusal(401, str(error), challenge) from None
    except DatabaseError:
        raise Refusal(503, DATABASE_AWAY["detail"], COME_BACK_S) from None
    if caller is None:
        raise Refusal(401, NO_TOKEN, CHALLENGE)
    if not caller.roles:
        raise Refusal(403, "The token has no role.")
    return caller


def _caller(header: bytes) -> Caller | None:
    with own_connection():
        return caller_with(header)


def _check_host(host: str, origin: str | None) -> None:
    """Refuse a name that is not ours: a page of somebody else may have made it lead here."""
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        text = f"The host {host!r:.100} is not served; add it to TESTBED_ALLOWED_HOSTS."
        raise Refusal(421, text)
    if origin is not None:
        domain, _ = split_domain_port(urlsplit(origin).netloc)
        if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
            raise Refusal(403, f"The origin {origin!r:.100} may not call from a browser.")


async def _answer(send: Any, refusal: Refusal) -> None:
    body = json.dumps({"detail": str(refusal)}).encode()
    headers = {"Content-Type": "application/json", **refusal.headers}
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [
                (name.lower().encode(), value.encode("latin-1", "replace"))
                for name, value in headers.items()
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
