"""A dead letter, and the summary of the logs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from monitor.pages.access import may_act, readers
from monitor.pages.cells import Cell
from monitor.pages.links import linked, listed, to
from monitor.pages.lists.traffic import DEAD_LETTERS
from monitor.pages.views.records import document, found, record_page
from monitor.records.models import AppLog, DeadLetter, WorkflowMessage

LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
SUMMARY_OF = timedelta(hours=24)


@dataclass
class Writer:
    """Who writes log lines, and how many of each level."""

    app_name: str
    instance_name: str
    newest: datetime
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.lines.values())

    @property
    def by_level(self) -> list[tuple[str, int]]:
        return [(level, self.lines.get(level, 0)) for level in LEVELS]


@readers
def dead_letter(request: HttpRequest, number: int) -> HttpResponse:
    """A dead letter: where it was refused, why, and what to do with it."""
    row = found(DeadLetter.objects.all(), "dead letter", pk=number)
    recorded = row.message_id and WorkflowMessage.objects.filter(message_id=row.message_id).exists()
    return record_page(
        request,
        DEAD_LETTERS,
        f"Dead letter {row.pk}",
        [
            ("Cause", Cell(row.cause, "long")),
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
    counts = (
        AppLog.objects.filter(timestamp__gte=timezone.now() - SUMMARY_OF)
        .order_by()
        .values_list("app_name", "instance_name", "levelname")
        .annotate(Count("pk"), Max("timestamp"))
    )
    writers: dict[tuple[str, str], Writer] = {}
    for app, instance, level, lines, newest in counts:
        writer = writers.setdefault((app, instance), Writer(app, instance, newest))
        writer.newest = max(writer.newest, newest)
        writer.lines[level] = lines
    context = {
        "writers": sorted(writers.values(), key=lambda one: one.newest, reverse=True),
        "levels": LEVELS,
        "hours": SUMMARY_OF.total_seconds() / 3600,
    }
    return render(request, "pages/log_summary.html", context)


def _readable(body: str) -> str:
    """A body that is JSON for people; any other as it is."""
    try:
        return document(json.loads(body))
    except (ValueError, RecursionError):
        return body
