"""Counts that a list shows beside its rows."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, IntegerField, Model, OuterRef, Subquery
from django.db.models.functions import Coalesce


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
