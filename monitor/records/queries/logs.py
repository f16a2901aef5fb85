"""Log records: those that hold a text, the errors, and who wrote what."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, QuerySet, Window
from django.db.models.functions import RowNumber

from monitor.records.models import AppLog

SHORTEST_SEARCH = 3
"""Characters of a text that is searched for: the index of texts knows three at a time."""
ERROR_LEVELS = (logging.ERROR, logging.CRITICAL)
RECENT = 5
RECENT_FIELDS = ("timestamp", "levelname", "message", "module", "funcname", "lineno")
MESSAGE_LENGTH = 500
"""Characters of a message in the summary, at most."""


@dataclass
class Writer:
    """Who writes log records, and how many of each level.

    :param errors: those of level ERROR and above
    """

    newest: datetime
    lines: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.lines.values())


def containing(text: str, rows: QuerySet[AppLog] | None = None) -> QuerySet[AppLog]:
    """The records whose message holds a text, in whatever case.

    :param text: of at least `SHORTEST_SEARCH` characters
    """
    return (AppLog.objects.all() if rows is None else rows).filter(message__icontains=text)


def errors(since: datetime) -> QuerySet[AppLog]:
    """The records of level ERROR and above since a moment."""
    return AppLog.objects.filter(level__in=ERROR_LEVELS, timestamp__gte=since)


def newest_errors(since: datetime, most: int) -> list[AppLog]:
    """The newest of them: of each level by its index, since most records are not errors."""
    found = [
        row
        for level in ERROR_LEVELS
        for row in errors(since).filter(level=level).order_by("-id")[:most]
    ]
    return sorted(found, key=lambda row: -row.pk)[:most]


def writers(records: QuerySet[AppLog]) -> dict[tuple[str, str], Writer]:
    """Who wrote some records, by application and instance."""
    found: dict[tuple[str, str], Writer] = {}
    names = ("app_name", "instance_name", "level", "levelname")
    groups = records.order_by().values_list(*names).annotate(Count("pk"), Max("timestamp"))
    for app, instance, level, name, lines, newest in groups:
        writer = found.setdefault((app, instance), Writer(newest))
        writer.newest = max(writer.newest, newest)
        for counts in (writer.lines, writer.errors) if level >= logging.ERROR else (writer.lines,):
            counts[name] = counts.get(name, 0) + lines
    return found


def summary(records: QuerySet[AppLog]) -> dict[str, dict[str, Any]]:
    """`{app: {instance: {error_counts: {level: n}, recent_errors: [...]}}}` of some records;
    `recent_errors` are at most the five newest.
    """
    found: dict[str, dict[str, Any]] = {}
    for (app, instance), writer in writers(records).items():
        found.setdefault(app, {})[instance] = {"error_counts": writer.errors, "recent_errors": []}
    newest = (
        records.order_by()
        .filter(level__gte=logging.ERROR)
        .annotate(
            place=Window(
                RowNumber(),
                partition_by=[F("app_name"), F("instance_name")],
                order_by=F("id").desc(),
            )
        )
        .filter(place__lte=RECENT)
    )
    for error in newest.order_by("-id").values("app_name", "instance_name", *RECENT_FIELDS):
        # an instance may have begun to write between the two queries
        writer_of = found.setdefault(error.pop("app_name"), {})
        entry = writer_of.setdefault(
            error.pop("instance_name"), {"error_counts": {}, "recent_errors": []}
        )
        error["message"] = error["message"][:MESSAGE_LENGTH]
        entry["recent_errors"].append(error)
    return found
