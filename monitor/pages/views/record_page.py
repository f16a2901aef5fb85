"""The page of one record: its facts, its documents, and where to go from there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from monitor.pages.cells import Cell
from monitor.pages.links import listed
from monitor.pages.lists.listing import Listing

WORKED_OFF = timedelta(minutes=3)
"""How long a page is followed after the end of what it shows."""


def demand_storable(key: Any) -> Any:
    """A key from an address, that the database can be asked for.

    :raises Http404: no record can have it
    """
    if "\x00" in str(key):
        raise Http404("nothing has a name with a NUL character")
    return key


def row_or_404(rows: QuerySet[Any], what: str, **key: Any) -> Any:
    """The row with a key.

    :raises Http404: there is none
    """
    value = demand_storable(next(iter(key.values())))
    row = rows.filter(**key).first()
    if row is None:
        raise Http404(f"there is no {what} {value}")
    return row


def may_change(end_time: datetime | None) -> bool:
    """Whether something that has an end is still to be followed: what is under way when a run
    ends is worked off afterwards.
    """
    return end_time is None or timezone.now() - end_time < WORKED_OFF


def document(value: Any) -> str:
    """A JSON value for people; half a character, which no page can hold, as its escape."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()


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
