"""Plain arrays whose JSON the database writes: ten thousand rows in a fraction of the time that it
takes to make objects of them first.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, models
from django.db.models import QuerySet
from rest_framework.response import Response

from monitor.api.paging import PLAIN_LIMIT, PlainListMixin, truncation

TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
TIME_AS_ELSEWHERE = f"replace({TIME}, '.000000Z', 'Z')"
"""A column's time in the form that it has in all other answers."""


class WrittenResponse(Response):
    """An answer whose `data` are JSON text already."""

    @property
    def rendered_content(self) -> str:
        self["Content-Type"] = "application/json"
        return str(self.data)


class WrittenListMixin(PlainListMixin):
    """A plain array is written by the database. For records whose fields are columns of one table,
    each under its own name.
    """

    def plain_array(self, queryset: QuerySet[Any]) -> Response:
        view: Any = self
        rows = written_rows(queryset, list(view.get_serializer().fields), PLAIN_LIMIT + 1)
        return WrittenResponse(f"[{','.join(rows[:PLAIN_LIMIT])}]", headers=truncation(rows))


def written_rows(queryset: QuerySet[Any], names: list[str], limit: int) -> list[str]:
    """The first rows of a query, each as a JSON object.

    :param names: columns, in the order in which the objects hold them
    """
    connection = connections[queryset.db]
    wanted, parameters = queryset.values(*names)[:limit].query.sql_with_params()
    columns = ", ".join(
        _column(queryset.model, name, connection.ops.quote_name(name)) for name in names
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT row_to_json(r)::text FROM (SELECT {columns} FROM ({wanted}) AS w) AS r",
            parameters,
        )
        return [text for (text,) in cursor.fetchall()]


def _column(model: type[models.Model], name: str, quoted: str) -> str:
    if isinstance(model._meta.get_field(name), models.DateTimeField):
        return f"{TIME_AS_ELSEWHERE.format(quoted)} AS {quoted}"
    return quoted
