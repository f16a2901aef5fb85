"""The monitor's server: it ticks once a second, and a signal ends it at once."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest
import uvicorn

from monitor.live import server as server_module
from monitor.live.server import QuietServer


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application that is not asked."""


def test_a_signal_ends_the_server_before_its_next_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "TICK_S", 3600)

    async def use() -> None:
        server = QuietServer(uvicorn.Config(nothing))
        life = asyncio.create_task(server.main_loop())
        await asyncio.sleep(0)
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(life, 10)
        assert server.should_exit

    asyncio.run(use())


def test_each_tick_renews_the_date_of_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "TICK_S", 0.0)

    async def use() -> None:
        server = QuietServer(uvicorn.Config(nothing))
        life = asyncio.create_task(server.main_loop())
        for _ in range(2):
            server.server_state.default_headers = []
            async with asyncio.timeout(10):
                while not server.server_state.default_headers:
                    await asyncio.sleep(0)
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(life, 10)

    asyncio.run(use())
