"""The page of one record: its facts, its documents, and where to go from there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from monitor.pages.cells import Cell
from monitor.pages.links import listed
from monitor.pages.lists.listing import Listing


def found(rows: QuerySet[Any], what: str, **key: Any) -> Any:
    """The row with a key.

    :raises Http404: there is none
    """
    row = rows.filter(**key).first()
    if row is None:
        raise Http404(f"there is no {what} {next(iter(key.values()))}")
    return row


def document(value: Any) -> str:
    """A JSON value for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def record_page(
    request: HttpRequest,
    listing: Listing,
    title: str,
    facts: Sequence[tuple[str, Cell]],
    *,
    state: str | None = None,
    related: Sequence[tuple[str, str]] = (),
    documents: Sequence[tuple[str, Any]] = (),
    template: str = "pages/record.html",
    live: str = "",
    **more: Any,
) -> HttpResponse:
    """A record's page.

    :param listing: the list that it stands in
    :param documents: JSON values or texts, each with its heading; empty ones are left out
    :param live: kinds of the stream's events after which the page may have changed
    """
    context = {
        "list_title": listing.title,
        "list_href": listed(listing.name),
        "title": title,
        "facts": facts,
        "state": Cell(state, "state") if state else None,
        "related": related,
        "live": live,
        "documents": [
            (heading, value if isinstance(value, str) else document(value))
            for heading, value in documents
            if value not in (None, "", {}, [])
        ],
        **more,
    }
    return render(request, template, context)
