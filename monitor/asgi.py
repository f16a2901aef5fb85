"""The ASGI application: Starlette outside, Django for everything that Starlette does not answer.

Django holds a thread for each request, for as long as the request lasts. What stays open (the event
stream), comes often (heartbeats) or has an application of its own (MCP) is therefore answered
before it, on the event loop.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import django
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
django.setup(set_prefix=False)

# models need the set-up above
from monitor.access.own_logs import DatabaseLogHandler  # noqa: E402
from monitor.access.redaction import redact_server_logs  # noqa: E402
from monitor.control.commands import control  # noqa: E402
from monitor.live import heartbeats, stream  # noqa: E402
from monitor.live.answers import ANSWERS  # noqa: E402
from monitor.live.bodies import BoundedBodies  # noqa: E402
from monitor.live.django_threads import ThreadedDjango  # noqa: E402
from monitor.live.heartbeats import HeartbeatRoute  # noqa: E402
from monitor.live.metrics import Observed  # noqa: E402
from monitor.live.process import (  # noqa: E402
    admission,
    health,
    heartbeat_endpoint,
    heartbeat_writer,
    hub,
    stream_endpoint,
)
from monitor.live.turns import MOST_AT_ONCE, Turns  # noqa: E402
from monitor.mcp import endpoint as mcp  # noqa: E402
from monitor.mcp.server import make_server  # noqa: E402

mcp_endpoint = mcp.McpEndpoint(make_server(), admission)


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    """What lives as long as the process."""
    async with AsyncExitStack() as running:
        redact_server_logs()
        DatabaseLogHandler("monitor").start()
        control().start()
        running.callback(control().stop)
        heartbeat_writer.start()
        running.push_async_callback(heartbeat_writer.stop)
        hub.start()
        running.push_async_callback(hub.stop)
        await running.enter_async_context(mcp_endpoint.running())
        yield


application = Starlette(
    routes=[
        HeartbeatRoute(heartbeats.PATH, Observed(heartbeat_endpoint, heartbeats.PATH)),
        Route(stream.PATH, Observed(stream_endpoint, stream.PATH)),
        Route(stream.PATH.rstrip("/"), Observed(stream_endpoint, stream.PATH)),
        Route(mcp.PATH, Observed(mcp_endpoint, mcp.PATH)),
        Route(mcp.PATH.rstrip("/"), Observed(mcp_endpoint, mcp.PATH)),
        Route("/healthz", health.healthz),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
    ],
    middleware=[Middleware(BoundedBodies)],
    exception_handlers=ANSWERS,
    lifespan=lifespan,
)
application.router.redirect_slashes = False
threaded_django: Any = ThreadedDjango(MOST_AT_ONCE)
application.router.default = Turns(threaded_django)
