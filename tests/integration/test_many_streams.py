"""As many open streams as there may be: nobody else notices, and the next one is sent away."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import requests

from tests.mcp_client import McpClient
from tests.rest import Api
from tests.waiting import eventually
from tests.web import Browser

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

MAX_CLIENTS = 500
CALLS = 100
AT_ONCE = 10
PATIENCE_S = 60


async def open_stream(stack: TestbedStack) -> asyncio.StreamWriter:
    """Open a stream, and wait until it says that it is connected."""
    url = urlsplit(stack.monitor_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    token = stack.session.project.secret("token_viewer")
    writer.write(
        b"GET /api/messages/stream/ HTTP/1.1\r\nHost: localhost\r\n"
        + f"Authorization: Token {token}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    await reader.readuntil(b"event: connected\n")
    return writer


def test_five_hundred_streams_disturb_nobody_and_the_next_one_is_sent_away(
    stack: TestbedStack, agent: Api, viewer: Api
) -> None:
    def free() -> bool:
        status: int = viewer.get("messages/stream/status/")["connected_clients"]
        return status == 0

    eventually(free, "streams of earlier tests have ended")
    asyncio.run(_many_streams(stack, agent, viewer))
    eventually(free, "all streams have ended")
    with viewer.request("GET", "messages/stream/", stream=True) as answer:
        assert answer.status_code == 200


async def _many_streams(stack: TestbedStack, agent: Api, viewer: Api) -> None:
    writers: list[asyncio.StreamWriter] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(MAX_CLIENTS // 50):
                writers += await asyncio.gather(*(open_stream(stack) for _ in range(50)))
        await asyncio.to_thread(_nobody_else_notices, stack, agent, viewer)
    finally:
        for writer in writers:
            writer.close()
        await asyncio.gather(*(one.wait_closed() for one in writers), return_exceptions=True)


def _nobody_else_notices(stack: TestbedStack, agent: Api, viewer: Api) -> None:
    assert viewer.get("messages/stream/status/")["connected_clients"] == MAX_CLIENTS

    def call(number: int) -> tuple[int, float]:
        api = Api(stack, "viewer")
        started = time.monotonic()
        answer = api.request("GET", ("runs/", "systemagents/", "logs/?limit=10")[number % 3])
        return answer.status_code, time.monotonic() - started

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(call, range(CALLS)))
    assert [status for status, _ in answers] == [200] * CALLS
    waits = sorted(seconds for _, seconds in answers)
    assert waits[int(CALLS * 0.99)] < 5, waits

    refused = viewer.request("GET", "messages/stream/", stream=True)
    with refused:
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) >= 1
        assert str(MAX_CLIENTS) in refused.json()["detail"]

    beat = {"instance_name": f"beside-{uuid4()}", "operational_state": "READY", "status": "OK"}
    assert agent.post("systemagents/heartbeat/", beat).status_code == 201
    key = stack.session.project.secret("token_viewer")
    assert McpClient(lambda: stack.monitor_url, key).call("get_system_state")
    for path in ("/readyz", "/healthz", "/accounts/login/"):
        assert requests.get(f"{stack.monitor_url}{path}", timeout=20).status_code == 200


def test_a_browser_reads_the_stream_by_its_session_until_it_signs_out(stack: TestbedStack) -> None:
    made = stack.command("open", "--user", f"reader-{uuid4().hex[:8]}", "--role", "viewer")
    assert made.returncode == 0, made.stderr
    browser = Browser(stack.monitor_url)
    link = made.stdout.strip().removeprefix(stack.monitor_url)
    assert browser.post(link, link).status_code == 200
    with browser.get("/api/messages/stream/", stream=True) as stream:
        assert stream.status_code == 200
        lines = stream.iter_lines()
        assert next(lines) == b"event: connected"
        browser.post("/accounts/logout/", "/")
        reasons = (line for line in lines if b"access has ended" in line)
        assert next(reasons)
    assert browser.get("/api/messages/stream/", stream=True).status_code == 401
