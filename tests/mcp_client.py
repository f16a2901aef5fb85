"""The MCP server as tests use it: through the SDK's own client, in the name of a user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

Result = TypeVar("Result")
PATIENCE_S = 70.0


class McpClient:
    """Calls tools; each call is a connection of its own, as the server keeps none in mind.

    :param locate: the monitor's address of the moment
    :param mode: of the SDK's client: `auto` speaks the newest protocol, `legacy` begins with the
        handshake of earlier ones
    """

    def __init__(self, locate: Callable[[], str], key: str, mode: str = "auto") -> None:
        self._locate = locate
        self._key = key
        self._mode = mode

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        """A client of the SDK."""
        headers = {"Authorization": f"Bearer {self._key}"}
        http = httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S, trust_env=False)
        transport = streamable_http_client(f"{self._locate()}/mcp/", http_client=http)
        async with http, Client(transport, mode=self._mode) as client:
            yield client

    def use(self, work: Callable[[Client], Awaitable[Result]]) -> Result:
        """What some work with a client gives."""

        async def whole() -> Result:
            async with self.connected() as client:
                return await work(client)

        return asyncio.run(whole())

    def call(self, tool: str, **arguments: Any) -> Any:
        """The structured answer of a tool, which the client has held against its schema.

        :raises AssertionError: the tool failed; its text is the message
        """
        result = self.use(lambda client: client.call_tool(tool, arguments))
        if result.is_error:
            raise AssertionError(_text(result))
        return result.structured_content

    def refused(self, tool: str, **arguments: Any) -> str:
        """The text with which a tool fails."""
        result = self.use(lambda client: client.call_tool(tool, arguments))
        assert result.is_error, result.structured_content
        return _text(result)


def _text(result: Any) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))
