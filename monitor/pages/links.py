"""Addresses of the pages of records; None where there is nothing to go to."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from monitor.pages.cells import Cell, Kind


def to(page: str, key: Any) -> str | None:
    """The address of one record's page.

    :param page: the name of its address, `execution` say
    """
    if key in (None, ""):
        return None
    try:
        return reverse(page, args=[key])
    except NoReverseMatch:  # somebody's name for something that no address can hold
        return None


def listed(page: str, **filters: Any) -> str:
    """The address of a list with filters; those without a value are left out."""
    given = {name: value for name, value in filters.items() if value not in (None, "")}
    return reverse(page) + (f"?{urlencode(given)}" if given else "")


def linked(page: str, key: Any, kind: Kind = "text") -> Cell:
    """A key as a cell that leads to its record's page."""
    return Cell(key, kind, to(page, key))
