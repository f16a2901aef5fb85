"""Turning deliveries into rows."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.db.models import DateTimeField, Field, JSONField, UUIDField
from django.utils import timezone

from monitor.recorder.reporting import count
from monitor.records.models import DeadLetter, RunState, WorkflowExecution, WorkflowMessage
from swf_common.broker.model import Delivery
from swf_common.protocol.destinations import DEAD_LETTER_QUEUE, EPICTOPIC
from swf_common.protocol.message import MalformedMessage
from swf_common.protocol.messages import derived_message_id, read_object
from swf_common.protocol.progress import DAQ_PHASES

log = logging.getLogger(__name__)

REFUSED = "refused by its consumer at every delivery"
"""Cause of a dead letter for which the broker gives none."""

OF_RUNS = EPICTOPIC.replace("/topic/", ".")
"""End of the name of the queue that carries the steps of runs; workers get some of them again."""

CANONICAL_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII).fullmatch

PHASES = {
    "run_imminent": ("initializing", "imminent", "preparing"),
    "start_run": ("physics", "running", "physics"),
    "pause_run": ("physics", "running", "standby"),
    "resume_run": ("physics", "running", "physics"),
    "end_run": ("completed", "ended", None),
}
"""Phase, state and substate of a run's record after each lifecycle message."""


class Row(NamedTuple):
    """One message as it is stored: what is called like a column of the model goes there. Of what
    its body says only what is used is kept: decoded, a body takes up to twenty times as much.
    """

    message_id: str
    message_type: str
    sender_agent: str | None
    recipient_agent: str | None
    namespace: str | None
    execution_id: str | None
    run_id: str | None
    message_content: str
    sent_at: datetime
    queue_name: str
    correlation_id: str | None
    target_workers: int | None


STORED = [field for field in WorkflowMessage._meta.concrete_fields if field.attname in Row._fields]


def read_row(delivery: Delivery) -> Row:
    """The row of a delivery; values that do not fit their column are cut, the content is whole.

    :raises MalformedMessage: not a JSON object with a `msg_type`
    """
    content = read_object(delivery.body)
    kind = content.get("msg_type")
    if not isinstance(kind, str) or not kind:
        raise MalformedMessage("the message has no msg_type")

    message_id = content.get("message_id")
    if not isinstance(message_id, str) or not CANONICAL_UUID(message_id):
        message_id = _other_id(message_id, content)
    return Row(
        message_id=message_id,
        message_type=kind[:50],
        sender_agent=_text(content, "sender", 100),
        recipient_agent=_text(content, "recipient", 100),
        namespace=_text(content, "namespace", 100)
        or _text(dict(delivery.headers), "namespace", 100),
        execution_id=_text(content, "execution_id", 100),
        run_id=_text(content, "run_id", 50),
        message_content=delivery.body,
        target_workers=_count(content, "target_worker_count"),
        sent_at=_time(content.get("timestamp") or content.get("created_at")),
        queue_name=delivery.headers.get("destination", "")[:200],
        correlation_id=delivery.headers.get("correlation-id", "")[:100] or None,
    )


def _other_id(given: Any, content: dict[str, Any]) -> str:
    """An id in another spelling, or one that follows from the content."""
    try:
        return str(UUID(str(given)))
    except ValueError:
        return str(derived_message_id(content))


def _text(content: dict[str, Any], name: str, length: int) -> str | None:
    value = content.get(name)
    return None if value is None else str(value)[:length]


def _count(content: dict[str, Any], name: str) -> int | None:
    value = content.get(name)
    return value if isinstance(value, int) and 0 <= value < 2**31 else None


def store(rows: list[Row], dead: list[DeadLetter], foreign: int = 0, malformed: int = 0) -> int:
    """Store messages and dead letters in one transaction; how many messages were new.

    :param foreign: messages of other namespaces that came with them, to be counted
    :param malformed: how many of the dead letters are messages that nobody understands
    :raises django.db.Error: nothing is stored
    """
    with transaction.atomic():
        stored, new = _insert(rows) if rows else (0, set())
        count(stored, len(rows) - stored, foreign, malformed)
        steps = {
            row.message_id: row
            for row in rows
            if row.message_id in new and row.queue_name.endswith(OF_RUNS)
        }
        _drive_run_states([row for row in steps.values() if _names_a_run(row)])
        _give_run_numbers(rows)
        if dead:
            DeadLetter.objects.bulk_create(dead, ignore_conflicts=True)
    return stored


def dead_letter(delivery: Delivery, cause: str | None = None) -> DeadLetter:
    """The record of a message that could not be handled, or understood."""
    headers = {name: value for name, value in delivery.headers.items() if name != "ack"}
    destination = headers.get("destination", "")
    if destination.startswith(DEAD_LETTER_QUEUE):
        destination = "/queue/" + destination.removeprefix(DEAD_LETTER_QUEUE)
    try:
        row = read_row(delivery)
    except MalformedMessage:
        row = None
    return DeadLetter(
        destination=destination[:255],
        cause=cause or headers.get("dlqDeliveryFailureCause", REFUSED),
        message_id=UUID(row.message_id) if row else None,
        broker_message_id=headers.get("message-id", "")[:255],
        message_type=storable(row.message_type) if row else "",
        execution_id=storable(row.execution_id) if row and row.execution_id else None,
        headers={storable(name): storable(text) for name, text in headers.items()},
        body=storable(delivery.body),
    )


def refused(one: Row | DeadLetter, cause: str) -> DeadLetter:
    """What the database refuses, as a dead letter with nothing but plain characters in it."""
    if isinstance(one, Row):
        destination, key, body = one.queue_name, f"refused:{one.message_id}", one.message_content
    else:
        destination, key, body = one.destination, one.broker_message_id, one.body
    return DeadLetter(
        destination=ascii(destination)[1:-1][:255],
        cause=ascii(cause),
        broker_message_id=ascii(key)[1:-1][:255],
        body=ascii(body),
    )


def storable(text: str) -> str:
    """A text with a mark in place of each character that no text column takes."""
    kept = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return kept.encode("utf-8", "replace").decode()


def _insert(rows: list[Row]) -> tuple[int, set[str]]:
    """Insert messages that are not stored yet, in order; how many were new, and the ids of those
    that are steps of a run.

    Columns travel as binary arrays, past Django's cursor: that one would write each value as an
    SQL literal, which costs as much as all the rest of the recorder.
    """
    names = ", ".join(field.attname for field in STORED)
    values = ", ".join(_read_as(field) for field in STORED)
    arrays = ", ".join(f"%b::{_sent_as(field)}[]" for field in STORED)
    columns = [[getattr(row, field.attname) for row in rows] for field in STORED]
    statement = f"""
        WITH stored AS (
            INSERT INTO swf_workflow_messages ({names}, recorded_at)
            SELECT {values}, now() FROM unnest({arrays}) WITH ORDINALITY
                AS incoming({names}, position) ORDER BY position
            ON CONFLICT (message_id) DO NOTHING RETURNING message_id, message_type
        )
        SELECT count(*), array_agg(message_id::text) FILTER (WHERE message_type = ANY(%b))
        FROM stored
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, [*columns, list(DAQ_PHASES)])
        new, steps = cursor.fetchone() or (0, None)
        return new, set(steps or ())


def _sent_as(field: Field[Any, Any]) -> str:
    """The type of an array that carries a column: texts, unless the driver knows a better one."""
    return "timestamptz" if isinstance(field, DateTimeField) else "text"


def _read_as(field: Field[Any, Any]) -> str:
    """What of such an array is stored."""
    made = isinstance(field, UUIDField | JSONField)
    return f"{field.attname}::{field.db_type(connection)}" if made else field.attname


def _is_run_number(run_id: str | None) -> bool:
    """Whether a run id is one that can have a record."""
    return run_id is not None and run_id.isascii() and run_id.isdecimal() and len(run_id) <= 18


def _names_a_run(row: Row) -> bool:
    """Whether a lifecycle message names a run."""
    known = _is_run_number(row.run_id)
    if not known:
        log.error("%s %s names no run: %r", row.message_type, row.message_id, row.run_id)
    return known


def _give_run_numbers(rows: list[Row]) -> None:
    """Give executions without a run number the one of their first message that has both ids: the
    predecessor's runner does not record it.
    """
    firsts: dict[str, int] = {}
    for row in rows:
        if row.execution_id is not None and _is_run_number(row.run_id):
            firsts.setdefault(row.execution_id, int(row.run_id or 0))
    without = WorkflowExecution.objects.filter(
        execution_id__in=sorted(firsts), run_number__isnull=True
    ).order_by("pk")
    for execution_id in without.values_list("execution_id", flat=True) if firsts else ():
        number = firsts[execution_id]
        log.info("%s is run %s, by its messages", execution_id, number)
        without.filter(execution_id=execution_id).update(run_number=number)


def _drive_run_states(steps: list[Row]) -> None:
    """Bring each run's state to where the lifecycle messages say it is.

    New states come first: to make one waits for writers of slices, which may wait for the count
    of a state that was changed before (migration 0003).
    """
    now = timezone.now()
    firsts = {int(row.run_id or 0): row for row in reversed(steps)}
    known = set(RunState.objects.filter(run_number__in=firsts).values_list("run_number", flat=True))
    for number in sorted(firsts.keys() - known):
        metadata = {"execution_id": firsts[number].execution_id}
        RunState.objects.create(
            run_number=number, metadata=metadata, **_state_after(firsts[number])
        )
    for row in steps:
        values = _state_after(row)
        RunState.objects.filter(run_number=int(row.run_id or 0)).update(updated_at=now, **values)


def _state_after(row: Row) -> dict[str, Any]:
    """The columns of a run's state after a lifecycle message."""
    phase, state, substate = PHASES[row.message_type]
    values: dict[str, Any] = {
        "phase": phase,
        "state": state,
        "substate": substate,
        "state_changed_at": row.sent_at,
    }
    if row.target_workers is not None:
        values["target_worker_count"] = row.target_workers
    return values


def _time(text: Any) -> datetime:
    """A sender's time stamp; naive ones are UTC, unreadable ones are now."""
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return datetime.now(UTC)
