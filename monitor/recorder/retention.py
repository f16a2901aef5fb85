"""Forgetting log records that are older than the setting allows."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.db import connection

log = logging.getLogger(__name__)

EVERY_S = 60.0
PAGE = 5_000
"""Records that one statement removes: the database is never busy with it for long."""


class Retention:
    """Removes what is too old, a page at a time."""

    def __init__(self) -> None:
        self._looked = float("-inf")

    def run(self) -> None:
        """One look, if it is time for one.

        :raises django.db.Error: the database is away
        """
        days = settings.TESTBED_LOG_RETENTION_DAYS
        if days <= 0 or time.monotonic() - self._looked < EVERY_S:
            return
        removed = remove_logs(days)
        if removed < PAGE:
            self._looked = time.monotonic()
        if removed:
            log.info("removed %d log records older than %g days", removed, days)


def remove_logs(days: float) -> int:
    """Remove one page of log records older than `days`; how many they were."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM swf_applog WHERE id IN (
                SELECT id FROM swf_applog WHERE timestamp < now() - %s * interval '1 day'
                ORDER BY timestamp LIMIT %s)
            """,
            [days, PAGE],
        )
        return int(cursor.rowcount)
