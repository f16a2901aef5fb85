"""Messages and dead letters."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import QuerySet

from monitor.records.models import DeadLetter

RATE_BINS, RATE_BIN_S = 60, 10
RATE_ROWS = 200_000
"""Newest messages among which those of the last minutes are counted."""
RATE_KEPT_S = 2
RATE = """
    SELECT width_bucket(extract(epoch FROM sent_at), %(begin)s, %(end)s, %(bins)s), count(*)
    FROM swf_workflow_messages
    WHERE id > (SELECT max(id) FROM swf_workflow_messages) - %(rows)s AND sent_at >= %(since)s
    GROUP BY 1
"""


def open_letters() -> QuerySet[DeadLetter]:
    """Messages that no agent could handle and that nobody has dealt with."""
    return DeadLetter.objects.filter(resolution="open")


def recent_counts(now: datetime) -> list[int]:
    """Messages that were sent in each `RATE_BIN_S` seconds of the last ten minutes; counted
    once in two seconds for all callers.
    """
    counts: list[int] | None = cache.get("message-rate")
    if counts is None:
        begin = now - timedelta(seconds=RATE_BINS * RATE_BIN_S)
        wanted: dict[str, Any] = {
            "begin": begin.timestamp(),
            "end": now.timestamp(),
            "bins": RATE_BINS,
            "rows": RATE_ROWS,
            "since": begin,
        }
        with connection.cursor() as cursor:
            cursor.execute(RATE, wanted)
            found = dict(cursor.fetchall())
        counts = [found.get(number, 0) for number in range(1, RATE_BINS + 1)]
        cache.set("message-rate", counts, RATE_KEPT_S)
    return counts
