"""Changing many rows at once, with their metadata merged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model, QuerySet

from swf_common.protocol.json_values import as_object

Row = TypeVar("Row", bound=Model)


class UnknownRecords(Exception):
    """There is no {what} {names}.

    :ivar field: the field that names them
    """

    def __init__(self, field: str, what: str, names: Iterable[Any]) -> None:
        super().__init__(f"There is no {what} {', '.join(map(str, sorted(names)))}.")
        self.field = field


def demand(field: str, what: str, wanted: Set[Any], known: Set[Any]) -> None:
    """Refuse names that no record has.

    :raises UnknownRecords: there are some
    """
    if wanted - known:
        raise UnknownRecords(field, what, wanted - known)


def change_rows(
    rows: QuerySet[Row],
    key: str,
    what: str,
    changes: Mapping[Any, Mapping[str, Any]],
    fields: Iterable[str],
) -> list[Row]:
    """Change rows under a lock; the rows.

    :param key: the field by which `changes` names a row
    :param what: what a row is, in words
    :param fields: what may change beside `metadata`, which is merged key by key
    :raises UnknownRecords: a key is that of no row; nothing is changed
    """
    found = list(
        rows.select_for_update(of=("self",)).filter(**{f"{key}__in": changes}).order_by("pk")
    )
    demand(key, what, changes.keys(), {getattr(row, key) for row in found})
    for row in found:
        change = changes[getattr(row, key)]
        for field in fields:
            if field in change:
                setattr(row, field, change[field])
        if "metadata" in change:
            merged = {**as_object(getattr(row, "metadata", None)), **change["metadata"]}
            setattr(row, "metadata", merged)  # noqa: B010 - the model is only known by its fields
    update_rows(rows.model, found, [*fields, "metadata"])
    return found


def update_rows(model: type[Row], rows: Iterable[Row], names: Iterable[str]) -> None:
    """Write fields of rows, found by their primary key, in one statement. Django's `bulk_update`
    makes an expression for each field of each row. That takes ten times as long as the statement
    (decision 0038).

    :param names: the fields
    """
    key: Any = model._meta.pk
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    quoted = connection.ops.quote_name
    types = ", ".join(f"{quoted(one.column)} {one.db_type(connection)}" for one in (key, *fields))
    changes = ", ".join(f"{quoted(one.column)} = g.{quoted(one.column)}" for one in fields)
    values = [{one.column: getattr(row, one.attname) for one in (key, *fields)} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quoted(model._meta.db_table)} AS r SET {changes} "
            f"FROM jsonb_to_recordset(%s::jsonb) AS g({types}) "
            f"WHERE r.{quoted(key.column)} = g.{quoted(key.column)}",
            [json.dumps(values, default=str)],
        )
