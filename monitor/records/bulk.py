"""Changing many rows at once, with their metadata merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def change_rows(
    rows: QuerySet[Row], key: str, changes: Mapping[Any, Mapping[str, Any]], fields: Iterable[str]
) -> tuple[list[Row], set[Any]]:
    """Change rows under a lock; the rows, and keys that none of them has.

    :param key: the field by which `changes` names a row
    :param fields: what may change beside `metadata`, which is merged key by key
    """
    found = list(
        rows.select_for_update(of=("self",)).filter(**{f"{key}__in": changes}).order_by("pk")
    )
    missing = changes.keys() - {getattr(row, key) for row in found}
    if missing:
        return [], missing
    for row in found:
        change = changes[getattr(row, key)]
        for field in fields:
            if field in change:
                setattr(row, field, change[field])
        if "metadata" in change:
            merged = {**(getattr(row, "metadata", None) or {}), **change["metadata"]}
            setattr(row, "metadata", merged)  # noqa: B010 - the model is only known by its fields
    rows.model._default_manager.bulk_update(found, [*fields, "metadata"])
    return found, set()
