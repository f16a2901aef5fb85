"""How the monitor is: whether it runs, whether it is ready, and its metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from monitor.access.failures import first_line
from monitor.access.roles import BadToken
from monitor.control.commands import control
from monitor.live.admission import Admission, Rules
from monitor.live.metrics import CONTENT_TYPE, exposition
from monitor.records.database import own_connection

log = logging.getLogger(__name__)

READING = Rules(reading=True)
CHECKS_AT_ONCE = 2
"""Each holds a thread for up to seconds when the broker does not answer, and anybody may ask."""
WHERE_TO_LOOK = "see: testbed logs monitor"
"""What a caller without a role is told instead of what the database or the broker said."""


class Health:
    """`/healthz`, `/readyz` and `/metrics`.

    :param check: finds out what is not well, by part, on a thread
    """

    def __init__(self, admission: Admission, check: Callable[[], dict[str, str]]) -> None:
        self._admission = admission
        self._check = check
        self._problems: dict[str, str] = {}
        self._checking = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def healthz(self, request: Request) -> Response:
        """The process is up."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        """Database, migrations and broker are fine; 503 names what is not, and to a caller with a
        role also why.
        """
        async with self._checking:
            problems = await sync_to_async(self._check, thread_sensitive=False)()
        if problems != self._problems:
            self._problems = problems
            for part, reason in problems.items():
                log.warning("not ready: %s: %s", part, reason)
        if not problems:
            return JSONResponse({"status": "ready"})
        if not await self._has_role(request):
            problems = dict.fromkeys(problems, WHERE_TO_LOOK)
        return JSONResponse({"status": "not ready", "problems": problems}, 503)

    async def metrics(self, request: Request) -> Response:
        """The page that Prometheus scrapes; a viewer's key opens it."""
        await self._admission.admit(request, READING)
        async with self._checking:
            text = await sync_to_async(_exposition, thread_sensitive=False)()
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    async def _has_role(self, request: Request) -> bool:
        try:
            caller = await self._admission.caller(request, READING)
        except (BadToken, DatabaseError):
            return False
        return caller is not None and bool(caller.roles)


class Checks:
    """Checks database, migrations and broker."""

    def __init__(self) -> None:
        self._migrated = False

    def __call__(self) -> dict[str, str]:
        """What is not well, by part."""
        problems = {}
        try:
            with own_connection():
                if not self._migrated:
                    executor = MigrationExecutor(connection)
                    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                        problems["migrations"] = "not all are applied"
                    else:
                        self._migrated = True
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
        except DatabaseError as error:
            problems["database"] = first_line(error)
        if not control().connected:
            problems["broker"] = control().last_error
        return problems


def _exposition() -> bytes:
    with own_connection():
        return exposition()
