"""Plain arrays whose JSON the database writes: ten thousand rows in a fraction of the time that it
takes to make objects of them first.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, models
from django.db.models import QuerySet
from rest_framework.response import Response

from monitor.api.paging import PLAIN_LIMIT, PlainListMixin, ReleasedResponse, truncation
from monitor.records.database import give_back
from monitor.records.sizes import AT_ONCE, MOST_BYTES, UPPER, large_columns

TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
TIME_AS_ELSEWHERE = f"replace({TIME}, '.000000Z', 'Z')"
"""A column's time in the form that it has in all other answers."""


class WrittenResponse(ReleasedResponse):
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
        names = list(view.get_serializer().fields)
        give_back()  # others need the connection while this one waits
        with AT_ONCE:
            rows, more = written_rows(queryset, names, PLAIN_LIMIT)
            return WrittenResponse(f"[{','.join(rows)}]", headers=truncation(more))


def written_rows(queryset: QuerySet[Any], names: list[str], limit: int) -> tuple[list[str], bool]:
    """The newest rows of a query, each as a JSON object, as many as have `MOST_BYTES`; whether
    there are more.

    The database gives an upper bound of the rows' size without reading them; so it is asked again
    until what they really have is enough.

    :param queryset: of rows in the falling order of their ids
    :param names: columns, in the order in which the objects hold them
    """
    rows: list[str] = []
    budget = MOST_BYTES
    while len(rows) <= limit and budget > 0:
        found, more = _written(queryset, names, limit + 1 - len(rows), budget)
        rows += [text for _, text in found]
        if not more:
            break
        budget -= sum(len(text) for _, text in found)
        queryset = queryset.filter(pk__lt=found[-1][0])
    else:
        more = queryset.exists()
    return rows[:limit], more or len(rows) > limit


def _written(
    queryset: QuerySet[Any], names: list[str], limit: int, most: int
) -> tuple[list[tuple[int, str]], bool]:
    """The first rows with at most so many bytes, or one; whether there may be more."""
    connection = connections[queryset.db]
    wanted, parameters = queryset.values(*names)[:limit].query.sql_with_params()
    columns = ", ".join(
        _column(queryset.model, name, connection.ops.quote_name(name)) for name in names
    )
    size = " + ".join(
        UPPER.format(connection.ops.quote_name(name)) for name in large_columns(queryset, names)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            # an empty OVER adds up in the order of the rows that it is given
            f"""
            SELECT s.id, (SELECT row_to_json(r)::text FROM (SELECT {columns}) AS r), upto FROM (
                SELECT w.*, sum({size}) OVER (ROWS UNBOUNDED PRECEDING) AS upto, {size} AS size
                FROM ({wanted}) AS w
            ) AS s WHERE upto - size < %s
            """,
            (*parameters, most),
        )
        found = cursor.fetchall()
    return [(key, text) for key, text, _ in found], bool(found) and found[-1][2] >= most


def _column(model: type[models.Model], name: str, quoted: str) -> str:
    if isinstance(model._meta.get_field(name), models.DateTimeField):
        return f"{TIME_AS_ELSEWHERE.format(quoted)} AS {quoted}"
    return quoted
