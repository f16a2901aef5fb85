"""Addresses of the pages of records; None where there is nothing to go to."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
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


def recorded(model: str, key: Any) -> str | None:
    """The address of one record in the admin.

    :param model: its model's name, `worker` say
    """
    return (
        None if key in (None, "") else reverse(f"admin:records_{model}_change", args=[quote(key)])
    )


def table(model: str, **filters: Any) -> str:
    """The address of a table in the admin, with filters."""
    return reverse(f"admin:records_{model}_changelist") + (
        f"?{urlencode(filters)}" if filters else ""
    )


def linked(page: str, key: Any, kind: Kind = "text") -> Cell:
    """A key as a cell that leads to its record's page."""
    return Cell(key, kind, to(page, key))


def tables_of(run_number: int) -> list[tuple[str, str]]:
    """What the admin's tables hold of a run, each with its label."""
    models = {"TF samples": "fastmonfile", "TF slices": "tfslice", "Workers": "worker"}
    return [(label, table(model, run_number=run_number)) for label, model in models.items()]
