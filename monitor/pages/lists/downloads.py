"""A list as a file: what its filters find, in its order, as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse

from monitor.pages.cells import Column
from monitor.records.database import give_back
from monitor.records.sizes import AT_ONCE, MOST_BYTES, in_pieces

FORMATS = ("csv", "json")
MOST_ROWS = 10_000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run a text that begins so, and agents write texts."""


def download_of(
    name: str, columns: Sequence[Column], rows: QuerySet[Any], kind: str
) -> HttpResponse:
    """What a query finds, as `download`; at most two such answers are made at once."""
    found = in_pieces(rows, MOST_ROWS + 1)
    give_back()  # others need the connection while this one waits
    with AT_ONCE:
        return download(name, columns, found, kind)


def download(
    name: str, columns: Sequence[Column], rows: Iterable[tuple[Any, int]], kind: str
) -> HttpResponse:
    """The first `MOST_ROWS` rows, or as many as have `MOST_BYTES`; the header `X-Truncated` says
    whether there are more.

    :param rows: each with its size in bytes
    :param kind: one of `FORMATS`
    """
    values: list[list[Any]] = []
    left, truncated = MOST_BYTES, False
    for row, size in rows:
        truncated = len(values) == MOST_ROWS or left <= 0
        if truncated:
            break
        values.append([_plain(column.value_of(row)) for column in columns])
        left -= size
    names = [column.name for column in columns]
    if kind == "csv":
        body, content_type = _csv(names, values), "text/csv; charset=utf-8"
    else:
        body = json.dumps([dict(zip(names, row, strict=True)) for row in values], default=str)
        content_type = "application/json"
    return HttpResponse(
        body,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}.{kind}"',
            "X-Truncated": str(truncated).lower(),
        },
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _csv(names: list[str], rows: list[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, default=str)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
