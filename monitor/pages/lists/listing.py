"""A list of records: its columns, filters and order, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.forms import DateTimeInput, Select, TextInput
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django_filters.rest_framework import FilterSet

from monitor.pages.access import View, readers
from monitor.pages.cells import Cell, Column
from monitor.pages.lists.downloads import FORMATS, MOST_ROWS, download_of
from monitor.pages.lists.keyset import BadCursor, Cursor, Order
from monitor.records.queries.counting import capped_count
from swf_common.configuration.suggestions import nearest

PAGE_SIZE = 100
LABELS = {
    "app_name": "Logger",
    "created_by": "By",
    "executed_by": "By",
    "execution_id": "Execution",
    "instance_name": "Instance",
    "active": "State",
    "message_type": "Type",
    "min_level": "Level",
    "operational_state": "State",
    "run_id": "Run",
    "run_number": "Run",
    "search": "Text",
    "sender_agent": "Sender",
    "since": "Since (UTC)",
    "stf_filename": "STF file",
    "until": "Until (UTC)",
    "workflow_name": "Workflow",
}
"""What filters are called where their own name would not do."""
OWN_PARAMETERS = ("sort", "cursor", "format")


@dataclass(frozen=True)
class Listing:
    """What a list shows.

    :param name: the name of its address
    :param order: how it is sorted unless the address says otherwise
    :param offered: filters that stand in the form; the others work from links
    :param suggestions: by filter, values to choose from (one can still type others)
    :param choices: by filter, the values that it can have, each with its label
    :param live: kinds of the stream's events after which the list may have changed
    """

    name: str
    title: str
    rows: Callable[[], QuerySet[Any]]
    columns: Sequence[Column]
    filters: type[FilterSet]
    offered: Sequence[str]
    order: str = "-id"
    about: str = ""
    live: str = "message"
    suggestions: Mapping[str, Callable[[], Sequence[str]]] = field(default_factory=dict)
    choices: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    @property
    def orders(self) -> frozenset[str]:
        """What the address may ask to be sorted by."""
        known = {column.sort for column in self.columns if column.sort}
        return frozenset({self.order, *known, *(f"-{name}" for name in known)})


class BadAddress(ValueError):
    """Something in a list's address is not known, or makes no sense."""


def list_view(listing: Listing) -> View:
    """The page of a list; its address holds all that is filtered and sorted by."""

    @readers
    def view(request: HttpRequest) -> HttpResponse:
        filters = _filters(listing, request.GET)
        try:
            _demand_known(listing, filters, request.GET)
            order = Order.parse(filters.queryset.model, request.GET.get("sort", listing.order))
            cursor = order.read(request.GET["cursor"]) if "cursor" in request.GET else None
            if not filters.is_valid():
                raise BadAddress("A filter has a value that it cannot have; see below.")
        except (BadAddress, BadCursor) as error:
            context = _context(listing, request, filters, problem=str(error))
            return render(request, "pages/list.html", context, status=400)
        if "format" in request.GET:
            rows = filters.qs.order_by(*order.terms(backwards=False))
            return download_of(listing.name, listing.columns, rows, request.GET["format"])
        context = _context(listing, request, filters, **_page(listing, filters.qs, order, cursor))
        return render(request, "pages/list.html", context)

    return view


def _page(
    listing: Listing, rows: QuerySet[Any], order: Order, cursor: Cursor | None
) -> dict[str, Any]:
    found, previous, following = order.page(rows, cursor, PAGE_SIZE)
    count, capped = capped_count(rows) if cursor or following else (len(found), False)
    cells: list[list[Cell]] = [[column.cell(row) for column in listing.columns] for row in found]
    return {
        "cells": cells,
        "previous": previous,
        "following": following,
        "count": count,
        "count_is_capped": capped,
        # further pages stand still: what one reads there must not move away
        "live": listing.live if cursor is None else "",
        "first_page": cursor is None,
    }


def _filters(listing: Listing, given: QueryDict) -> Any:
    data = given.copy()
    for name in OWN_PARAMETERS:
        data.pop(name, None)
    filters: Any = listing.filters(data, queryset=listing.rows())
    for name, form_field in filters.form.fields.items():
        form_field.label = LABELS.get(name, form_field.label)
        if name in ("since", "until"):
            form_field.widget = DateTimeInput(attrs={"type": "datetime-local", "step": 1})
        elif name in listing.choices:
            form_field.widget = Select(choices=[("", "any"), *listing.choices[name]])
        elif isinstance(form_field.widget, TextInput):
            form_field.widget.attrs.update(size=14, autocomplete="off")
            if name in listing.suggestions:
                form_field.widget.attrs["list"] = f"known-{name}"
    return filters


def _demand_known(listing: Listing, filters: Any, given: QueryDict) -> None:
    known = {*filters.base_filters, *OWN_PARAMETERS}
    for name, values in given.lists():
        if name not in known:
            raise BadAddress(f"There is no filter {name!r}; {nearest(name, known)}")
        if any("\x00" in str(value) for value in values):
            raise BadAddress(f"{name} holds a NUL character.")
    sort = str(given.get("sort", listing.order))
    if sort not in listing.orders:
        raise BadAddress(f"This list cannot be sorted by {sort!r}; {nearest(sort, listing.orders)}")
    if given.get("format", FORMATS[0]) not in FORMATS:
        raise BadAddress(f"There is no format {given['format']!r}; there are: {', '.join(FORMATS)}")


def _context(listing: Listing, request: HttpRequest, filters: Any, **more: Any) -> dict[str, Any]:
    given = {
        name: value
        for name, value in request.GET.items()
        if name not in OWN_PARAMETERS and str(value).strip()
    }
    sort = request.GET.get("sort", listing.order)
    return {
        "listing": listing,
        "headings": [_heading(column, sort, request.GET) for column in listing.columns],
        "fields": [filters.form[name] for name in listing.offered if name in filters.form.fields],
        "hidden": [(name, value) for name, value in given.items() if name not in listing.offered],
        "active": [
            (name, value, _address(request.GET, {name: None, "cursor": None}))
            for name, value in given.items()
        ],
        "suggestions": {name: known() for name, known in listing.suggestions.items()},
        "sort": request.GET.get("sort"),
        "errors": filters.form.errors if filters.form.is_bound else {},
        "downloads": [
            (kind, _address(request.GET, {"format": kind, "cursor": None})) for kind in FORMATS
        ],
        "most_rows": MOST_ROWS,
        "addresses": {
            "first": _address(request.GET, {"cursor": None}),
            **{
                name: _address(request.GET, {"cursor": str(more[name])})
                for name in ("previous", "following")
                if more.get(name)
            },
        },
        **more,
    }


def _heading(column: Column, sort: str, given: QueryDict) -> dict[str, Any]:
    """A column's heading: sorted by it, it leads to the other direction."""
    if column.sort is None:
        return {"label": column.label, "kind": column.kind}
    now = {column.sort: "ascending", f"-{column.sort}": "descending"}.get(sort)
    falls_first = column.kind in ("time", "number", "bytes", "duration")
    if now is None:
        then = f"-{column.sort}" if falls_first else column.sort
    else:
        then = column.sort if now == "descending" else f"-{column.sort}"
    return {
        "label": column.label,
        "kind": column.kind,
        "sorted": now,
        "href": _address(given, {"sort": then, "cursor": None}),
    }


def _address(given: QueryDict, changes: Mapping[str, str | None]) -> str:
    """The query of an address with some parameters changed, or taken out (None)."""
    query = given.copy()
    query.pop("format", None)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return f"?{query.urlencode()}"
