"""The summary of the log: who wrote, how many errors, and the newest of them."""

from __future__ import annotations

import logging
from typing import Any

from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber

from monitor.records.models import AppLog

RECENT = 5
RECENT_FIELDS = ("timestamp", "levelname", "message", "module", "funcname", "lineno")
MESSAGE_LENGTH = 500
"""Characters of a message in the summary, at the most."""


def of(records: QuerySet[AppLog]) -> dict[str, dict[str, Any]]:
    """`{app: {instance: {error_counts: {level: n}, recent_errors: [...]}}}` of some records.

    Errors are records of level ERROR and above; `recent_errors` are at most the five newest.
    """
    summary: dict[str, dict[str, Any]] = {}
    pairs = records.order_by().values_list("app_name", "instance_name").distinct()
    for app, instance in pairs:
        _entry(summary, app, instance)
    errors = records.order_by().filter(level__gte=logging.ERROR)
    counts = errors.values("app_name", "instance_name", "levelname").annotate(records=Count("id"))
    for row in counts:
        entry = _entry(summary, row["app_name"], row["instance_name"])
        entry["error_counts"][row["levelname"]] = row["records"]
    newest = errors.annotate(
        place=Window(
            RowNumber(),
            partition_by=[F("app_name"), F("instance_name")],
            order_by=F("id").desc(),
        )
    ).filter(place__lte=RECENT)
    fields = ("app_name", "instance_name", *RECENT_FIELDS)
    for error in newest.order_by("-id").values(*fields):
        entry = _entry(summary, error.pop("app_name"), error.pop("instance_name"))
        error["message"] = error["message"][:MESSAGE_LENGTH]
        entry["recent_errors"].append(error)
    return summary


def _entry(summary: dict[str, dict[str, Any]], app: str, instance: str) -> dict[str, Any]:
    """The summary of one instance; it may have begun to write between two queries."""
    entry: dict[str, Any] = summary.setdefault(app, {}).setdefault(
        instance, {"error_counts": {}, "recent_errors": []}
    )
    return entry
