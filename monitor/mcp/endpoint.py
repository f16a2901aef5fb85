"""`POST /mcp/`: how requests reach the MCP server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.conf import settings
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from monitor.live.admission import Admission, Refusal, Rules
from monitor.mcp.callers import SCOPE_KEY

PATH = "/mcp/"
RULES = Rules(
    remembered=False,  # tools act: a role that was taken away ends at once
    challenge='Bearer realm="swf-testbed"',
    no_key="Send an API token: Authorization: Bearer <key>. One is made by: testbed token",
)


class McpEndpoint:
    """The ASGI application at `PATH`: stateless, JSON answers, no streams.

    The host is checked by `Admission`, with Django's rules, instead of by the SDK.
    """

    def __init__(self, server: MCPServer, admission: Admission) -> None:
        self._admission = admission
        self._application = server.streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            max_request_body_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._manager = server.session_manager

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve requests while the context is open; once in the life of this object."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] != "POST":
            text = "Only POST: this server is stateless and opens no streams."
            raise Refusal(405, text, {"Allow": "POST"})
        caller = await self._admission.admit(HTTPConnection(scope), RULES)
        admitted = {**scope, "path": PATH, "raw_path": PATH.encode(), SCOPE_KEY: caller}
        await self._application(admitted, receive, send)
