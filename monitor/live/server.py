"""`python -m monitor.live.server`: uvicorn, but it wakes once a second instead of ten times."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from types import FrameType

import uvicorn

TICK_S = 1.0
"""Seconds between two ticks of the server. The `Date` of an answer may be that old."""
TICKS = 10
"""Ticks of uvicorn that one of ours counts as: uvicorn renews the `Date` with every tenth."""


class QuietServer(uvicorn.Server):
    """A server with rare ticks, which still ends at once on a signal."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._signalled = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Tick until the server is asked to end."""
        self._loop = asyncio.get_running_loop()
        counter = 0
        while not await self.on_tick(counter):
            counter += TICKS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._signalled.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal, and wake the main loop."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._signalled.set)


def main() -> None:
    """Serve the monitor on port 8000."""
    config = uvicorn.Config(
        "monitor.asgi:application",
        host="0.0.0.0",
        port=8000,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = QuietServer(config)
    server.run()
    if not server.started:
        sys.exit("the monitor did not start")


if __name__ == "__main__":
    main()
