"""Why a dead letter was refused: what its consumer logged of the last failing try.

The log record of that try may come before the letter or after it, an hour after it when the
monitor was away. So the newest letters are looked at again and again, instead of once.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from monitor.recorder.storing import REFUSED
from monitor.records.models import DeadLetter

NEWEST = 500
"""Letters that are looked at: an idle look costs nothing, one at many letters little."""

REPORTED = """
    SELECT letter.id, letter.cause, letter.failure, report.id, report.instance_name,
        report.app_name, report.timestamp, report.refused
    FROM (SELECT id, cause, failure, destination, broker_message_id, received_at
        FROM swf_dead_letters ORDER BY id DESC LIMIT %s) letter
    CROSS JOIN LATERAL (
        SELECT id, instance_name, app_name, timestamp, extra_data -> 'refused' AS refused
        FROM swf_applog WHERE extra_data ? 'refused'
            AND (extra_data -> 'refused') ->> 'broker_message_id' = letter.broker_message_id
            AND extra_data -> 'refused' ->> 'queue' = letter.destination
        ORDER BY timestamp DESC, id DESC LIMIT 1) report
    WHERE letter.received_at > now() - interval '1 day'
        AND report.id IS DISTINCT FROM (letter.failure ->> 'log_id')::bigint
"""
FACTS = ("error", "text", "place", "subject", "msg_type", "message_id", "try")


def join() -> int:
    """Give dead letters the report of their last failing try; how many got one.

    :raises django.db.Error: the database is away
    """
    with connection.cursor() as cursor:
        cursor.execute(REPORTED, [NEWEST])
        rows = cursor.fetchall()
    for letter_id, cause, before, log_id, instance, program, moment, refused in rows:
        report = as_table(refused)
        failure = {name: _short(report.get(name)) for name in FACTS} | {
            "agent": instance,
            "program": program,
            "at": moment.isoformat(),
            "log_id": log_id,
        }
        changes: dict[str, Any] = {"failure": failure}
        if cause in (REFUSED, cause_of(as_table(before))):  # not one that the broker gave
            changes["cause"] = cause_of(failure)
        DeadLetter.objects.filter(pk=letter_id).update(**changes)
    return len(rows)


def cause_of(failure: dict[str, Any]) -> str:
    """A failing try in one line: what was raised, for which message, by whom and where.

    >>> cause_of({"error": "ValueError", "text": "no hits", "subject": "f.stf", "try": 5})
    'ValueError: no hits (f.stf; try 5)'
    """
    raised = ": ".join(str(part) for part in (failure.get("error"), failure.get("text")) if part)
    about = " ".join(str(failure[name]) for name in ("msg_type", "subject") if failure.get(name))
    facts = [
        about,
        f"message {failure['message_id']}" if failure.get("message_id") else "",
        f"try {failure['try']}" if failure.get("try") else "",
        f"by {failure['agent']}" if failure.get("agent") else "",
        f"at {failure['place']}" if failure.get("place") else "",
    ]
    return f"{raised or 'refused'} ({'; '.join(filter(None, facts))})"


def _short(value: Any) -> Any:
    """A number or a text of bearable length."""
    return value if value is None or isinstance(value, int) else str(value)[:2_000]


def as_table(text: str | None) -> dict[str, Any]:
    """What a column of JSON holds, given as its text as Django's cursor does; an empty table when
    it is none: anybody with a token may write a log record.
    """
    content = json.loads(text) if text else None
    return content if isinstance(content, dict) else {}
