"""Paging on request: a plain array without `limit`, an envelope with it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination, LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer

from monitor.records.database import give_back
from monitor.records.sizes import AT_ONCE, MOST_BYTES, fitting, in_pieces, size_of

PLAIN_LIMIT = 10_000
"""Rows of a plain array, at most; `X-Truncated: true` says that there are more."""
MAX_LIMIT = 1_000


class ReleasedResponse(Response):
    """An answer that lets its content go once it is sent: view, request and answer hold each other,
    so that large ones would pile up until the next full garbage collection.
    """

    def close(self) -> None:
        super().close()
        self.data = None
        self.content = b""


def _either(array: dict[str, Any], envelope: dict[str, Any]) -> dict[str, Any]:
    """The schema of a list's answer: an array, or an envelope with `limit`."""
    return {"oneOf": [array, envelope]}


class OptInPagination(LimitOffsetPagination):
    """`?limit=` and `?offset=`."""

    parameters = frozenset({"limit", "offset"})
    default_limit = None
    max_limit = MAX_LIMIT

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return _either(schema, super().get_paginated_response_schema(schema))


class OptInCursorPagination(CursorPagination):
    """`?limit=` and `?cursor=`; the envelope's `count` is null, since counting would scan.

    A page whose rows are large ends before `limit`; its `next` leads on.
    """

    parameters = frozenset({"limit", "cursor"})
    page_size = None
    page_size_query_param = "limit"
    max_page_size = MAX_LIMIT
    ordering = "-id"

    def decode_cursor(self, request: Request) -> Any:
        try:
            return super().decode_cursor(request)
        except NotFound:
            text = "It is not one that an answer's next or previous held."
            raise ValidationError({"cursor": [text]}) from None

    def get_page_size(self, request: Request) -> int | None:
        return super().get_page_size(request) if "limit" in request.query_params else None

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        size = size_of(queryset)
        if size is None or self.get_page_size(request) is None:
            return super().paginate_queryset(queryset, request, view)
        sized = queryset.only("pk").annotate(size=size)
        page: Any = super().paginate_queryset(sized, request, view)
        backwards = self.cursor is not None and self.cursor.reverse
        kept = fitting(row.size for row in (reversed(page) if backwards else page))
        if kept < len(page) and backwards:
            self.has_previous, self.previous_position = True, str(page[-kept - 1].pk)
            page = page[-kept:]
        elif kept < len(page):
            self.has_next, self.next_position = True, str(page[kept].pk)
            page = page[:kept]
        self.page = page
        rows = queryset.in_bulk([row.pk for row in page])
        return [rows[row.pk] for row in page if row.pk in rows]

    def get_paginated_response(self, data: Any) -> Response:
        return ReleasedResponse(
            {
                "count": None,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        described["properties"]["count"] = {"type": "null"}
        return _either(schema, described)


def truncation(more: bool) -> dict[str, str]:
    """The header that says whether there are more rows than a plain array holds."""
    return {"X-Truncated": str(more).lower()}


class PlainListMixin:
    """`list` of a view set: an envelope with `limit`, else an array capped at `PLAIN_LIMIT`."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        view: Any = self
        queryset = view.filter_queryset(view.get_queryset())
        page = view.paginate_queryset(queryset)
        if page is not None:
            paginated: Response = view.get_paginated_response(
                view.get_serializer(page, many=True).data
            )
            return paginated
        return self.plain_array(queryset)

    def plain_array(self, queryset: QuerySet[Any]) -> Response:
        """The rows of a query as an array, no more than have `MOST_BYTES`."""
        view: Any = self
        rows: list[Any] = []
        left, more = MOST_BYTES, False
        give_back()  # others need the connection while this one waits
        with AT_ONCE:
            for row, size in in_pieces(queryset, PLAIN_LIMIT + 1):
                more = len(rows) == PLAIN_LIMIT or left <= 0
                if more:
                    break
                rows.append(row)
                left -= size
            serializer: ListSerializer[Any] = view.get_serializer(rows, many=True)
            return ReleasedResponse(serializer.data, headers=truncation(more))
