"""The pages of what was said: messages, log lines and their summary, dead letters."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from monitor.pages.access import may_act, readers
from monitor.pages.cells import Cell
from monitor.pages.links import linked, listed, to
from monitor.pages.lists.traffic import DEAD_LETTERS, LOGS, MESSAGES
from monitor.pages.views.record_page import document, record_page, row_or_404
from monitor.records.models import (
    AppLog,
    DeadLetter,
    SystemAgent,
    WorkflowMessage,
)
from monitor.records.models import logs as log_models
from monitor.records.queries.logs import writers

AROUND = 15
"""Log lines before and after a line, of the same instance."""
LEVELS = [name for name, level in log_models.LEVELS.items() if level]
SUMMARY_OF = timedelta(hours=24)


@readers
def message(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """A recorded message."""
    row = row_or_404(WorkflowMessage.objects.all(), "message", message_id=message_id)
    return record_page(
        request,
        MESSAGES,
        f"{row.message_type} from {row.sender_agent or 'an unknown sender'}",
        [
            (
                "Type",
                Cell(row.message_type, "code", listed("messages", message_type=row.message_type)),
            ),
            ("Message id", Cell(row.message_id, "code")),
            ("Sender", _writer(row.sender_agent)),
            ("Sent", Cell(row.sent_at, "time")),
            ("Recorded", Cell(row.recorded_at, "time")),
            ("Execution", linked("execution", row.execution_id)),
            ("Run", Cell(row.run_id, "code", _run_of(row.run_id))),
            ("Namespace", Cell(row.namespace)),
            ("Queue", Cell(row.queue_name, "code")),
            ("Recipient", Cell(row.recipient_agent)),
            ("Correlation id", Cell(row.correlation_id, "code")),
        ],
        related=_related(
            ("Messages of this execution", "messages", "execution_id", row.execution_id),
            ("Messages of this sender", "messages", "sender_agent", row.sender_agent),
        ),
        documents=[("Content", row.message_content), ("Headers", row.message_metadata)],
    )


@readers
def log(request: HttpRequest, number: int) -> HttpResponse:
    """A log record, with the lines around it."""
    row = row_or_404(AppLog.objects.all(), "log record", pk=number)
    same = AppLog.objects.filter(instance_name=row.instance_name)
    before = list(same.filter(pk__lt=number).order_by("-id")[:AROUND])
    after = list(same.filter(pk__gt=number).order_by("id")[:AROUND])
    return record_page(
        request,
        LOGS,
        f"Log line of {row.instance_name}",
        [
            ("Time", Cell(row.timestamp, "time")),
            ("From", _writer(row.instance_name)),
            ("Logger", Cell(row.app_name)),
            ("Place", Cell(f"{row.module}:{row.lineno} {row.funcname}", "code")),
            ("Execution", linked("execution", row.execution_id)),
            ("Run", Cell(row.run_id, "code", _run_of(row.run_id))),
            ("Namespace", Cell(row.namespace)),
            ("Process, thread", Cell(f"{row.process}, {row.thread}", "code")),
        ],
        state=row.levelname,
        related=_related(
            ("All lines of this instance", "logs", "instance_name", row.instance_name),
            ("All lines of this execution", "logs", "execution_id", row.execution_id),
        ),
        documents=[("Message", row.message), ("Further facts", row.extra_data)],
        template="pages/log.html",
        here=row,
        around=[*reversed(before), row, *after],
    )


@readers
def dead_letter(request: HttpRequest, number: int) -> HttpResponse:
    """A dead letter: where it was refused, why, and what to do with it."""
    row = row_or_404(DeadLetter.objects.all(), "dead letter", pk=number)
    recorded = row.message_id and WorkflowMessage.objects.filter(message_id=row.message_id).exists()
    return record_page(
        request,
        DEAD_LETTERS,
        f"Dead letter {row.pk}",
        [
            ("Cause", Cell(row.cause, "long")),
            *_failure(row.failure),
            ("Meant for", Cell(row.destination, "code")),
            ("Type", Cell(row.message_type, "code")),
            (
                "Message id",
                Cell(row.message_id, "code", to("message", row.message_id) if recorded else None),
            ),
            ("Execution", linked("execution", row.execution_id)),
            ("Received", Cell(row.received_at, "time")),
        ],
        state=row.resolution,
        related=[
            ("Dead letters of this queue", listed("dead-letters", destination=row.destination))
        ],
        documents=[("Body", _readable(row.body)), ("Headers", row.headers)],
        template="pages/dead_letter.html",
        letter=row,
        may_act=may_act(request.user),
    )


@readers
def log_summary(request: HttpRequest) -> HttpResponse:
    """Who wrote how many log lines of each level lately."""
    lately = AppLog.objects.filter(timestamp__gte=timezone.now() - SUMMARY_OF)
    found = sorted(writers(lately).items(), key=lambda one: one[1].newest, reverse=True)
    context = {
        "writers": [
            (app, instance, writer, [(level, writer.lines.get(level, 0)) for level in LEVELS])
            for (app, instance), writer in found
        ],
        "levels": LEVELS,
        "hours": SUMMARY_OF.total_seconds() / 3600,
    }
    return render(request, "pages/log_summary.html", context)


def _failure(reported: Any) -> list[tuple[str, Cell]]:
    """What the consumer of a dead letter reported of its last try; nothing when it did not."""
    if not isinstance(reported, dict):
        return []
    log_id = reported.get("log_id")
    return [
        ("Error", Cell(reported.get("error"), "code")),
        ("File or run", Cell(reported.get("subject") or None, "code")),
        ("Raised at", Cell(reported.get("place") or None, "code")),
        ("Tries", Cell(reported.get("try"), "code")),
        ("Refused by", _writer(reported.get("agent"))),
        ("Log line", linked("log", log_id, "code")),
    ]


def _readable(body: str) -> str:
    """A body that is JSON for people; any other as it is."""
    try:
        return document(json.loads(body))
    except (ValueError, RecursionError):
        return body


def _related(*links: tuple[str, str, str, str | None]) -> list[tuple[str, str]]:
    """Lists by a value that the record has: label, list, filter and value of each."""
    return [(label, listed(page, **{name: value})) for label, page, name, value in links if value]


def _writer(name: str | None) -> Cell:
    """Who wrote something: an agent has a page, people and the monitor itself have none."""
    known = name and SystemAgent.objects.filter(instance_name=name).exists()
    return Cell(name, href=to("agent", name) if known else None)


def _run_of(text: str | None) -> str | None:
    return to("run", int(text)) if text and text.isdecimal() and len(text) < 19 else None
