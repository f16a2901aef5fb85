"""A limit for the requests that an application answers at once; others wait for their turn."""

from __future__ import annotations

import asyncio
import logging

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.access.failures import COME_BACK_S

log = logging.getLogger(__name__)

MOST_AT_ONCE = 64
"""Requests in Django. Each may hold a thread, and the container has `pids_limit` of them: without a
limit, a few hundred slow requests would leave none for anybody.
"""
TURN_TIMEOUT_S = 10.0
"""Seconds that a request waits for its turn."""
STALLED_S = 30.0
"""Seconds without progress after which a client that does not read its answer loses it."""
BUSY = {"detail": "The monitor is busy."}


class Busy(Exception):
    """A request got no turn in time."""


class Stalled(Exception):
    """A client does not read its answer."""


class Turns:
    """Lets so many requests into an application at once, in the order in which they came.

    A request takes its turn when its body has come: a slow sender keeps nobody waiting.
    """

    def __init__(self, app: ASGIApp, at_once: int = MOST_AT_ONCE) -> None:
        self._app = app
        self._turns = asyncio.Semaphore(at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mine = False

        async def received() -> Message:
            nonlocal mine
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body") and not mine:
                await self._wait()
                mine = True
            return message

        async def sent(message: Message) -> None:
            try:
                async with asyncio.timeout(STALLED_S):
                    await send(message)
            except TimeoutError:
                raise Stalled from None

        try:
            await self._app(scope, received, sent)
        except Stalled:
            log.info("a client did not read its answer for %.0f s", STALLED_S)
        except Busy:
            await JSONResponse(BUSY, 503, COME_BACK_S)(scope, receive, send)
        finally:
            if mine:
                self._turns.release()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(TURN_TIMEOUT_S):
                await self._turns.acquire()
        except TimeoutError:
            raise Busy from None
