"""Counts: beside the rows of a list, by a field, and up to a number that a page can wait for."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

COUNTED = 10_000
"""Matches are counted up to here: counting a million rows would take longer than a caller waits."""


def number_of(model: type[Model], field: str, key: str = "pk") -> Any:
    """How many rows of another model refer to a row.

    A count for each row that is shown, by an index. A `Count` over a join would group all rows of
    both tables before the list is cut to its first hundred.

    :param field: of the other model, which refers to `key` of this one
    """
    rows: Any = model._default_manager
    own = rows.filter(**{field: OuterRef(key)}).order_by().values(field)
    counts = own.annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)


def capped_count(rows: QuerySet[Any]) -> tuple[int, bool]:
    """How many rows there are, at most `COUNTED`; whether there are more."""
    found = rows.order_by()[: COUNTED + 1].count()
    return min(found, COUNTED), found > COUNTED


def by(rows: QuerySet[Any], field: str) -> dict[Any, int]:
    """How many rows have each value of a field."""
    return dict(rows.order_by().values_list(field).annotate(Count("pk")))
