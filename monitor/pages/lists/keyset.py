"""Paging by key: the next page begins after the last row of this one, however far down that is."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Field, Model, Q, QuerySet
from django.db.models.expressions import OrderBy

from monitor.records.sizes import first_rows


class BadCursor(ValueError):
    """A cursor that no page of this list gave."""


@dataclass(frozen=True)
class Cursor:
    """Where a page begins: beyond a row, forwards or backwards.

    :param value: the row's value of the field that the list is sorted by
    """

    value: Any
    key: Any
    backwards: bool = False

    def __str__(self) -> str:
        content = json.dumps([self.value, self.key, self.backwards], default=str)
        return urlsafe_b64encode(content.encode()).decode().rstrip("=")


@dataclass(frozen=True)
class Order:
    """The order of a list: by a field, rows of the same value by their primary key.

    :param field: a field of the model, or of a related one (`run__run_number`)
    """

    model: type[Model]
    field: str
    descending: bool

    @classmethod
    def parse(cls, model: type[Model], text: str) -> Order:
        """The order that a text asks for: a field, with a `-` before it from the highest down."""
        return cls(model, text.removeprefix("-"), text.startswith("-"))

    def read(self, text: str) -> Cursor:
        """The cursor in an address.

        :raises BadCursor: it is not of this order
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            value, key, backwards = json.loads(urlsafe_b64decode(padded))
            where = (
                None if value is None else self._column.to_python(value),
                self._key.to_python(key),
            )
            for part in where:
                if isinstance(part, str) and b"\x00" in part.encode():  # half a character fails
                    raise ValueError("the database cannot hold it")
            return Cursor(*where, bool(backwards))
        except (ValueError, TypeError, OverflowError, ValidationError, RecursionError):
            raise BadCursor("This page does not exist (any more): go back to the list.") from None

    def cursor_at(self, row: Any, *, backwards: bool) -> Cursor:
        """The cursor of the page beyond a row."""
        value = row
        for part in self.field.split("__"):
            value = getattr(value, part)
        return Cursor(value, row.pk, backwards)

    def page(
        self, rows: QuerySet[Any], cursor: Cursor | None, size: int
    ) -> tuple[list[Any], Cursor | None, Cursor | None]:
        """The rows of a page, and the cursors of the previous and the next one, if any; large rows
        make a shorter page.
        """
        backwards = cursor is not None and cursor.backwards
        rows = rows.order_by(*self.terms(backwards))
        if cursor is not None:
            rows = rows.filter(self._beyond(cursor))
        found, more = first_rows(rows, size)
        if backwards:
            found.reverse()
        before, after = (more, True) if backwards else (cursor is not None, more)
        return (
            found,
            self.cursor_at(found[0], backwards=True) if found and before else None,
            self.cursor_at(found[-1], backwards=False) if found and after else None,
        )

    @property
    def _key(self) -> Field[Any, Any]:
        key = self.model._meta.pk
        assert key is not None
        return key

    @property
    def _column(self) -> Field[Any, Any]:
        model: Any = self.model
        *related, last = self.field.split("__")
        for name in related:
            model = model._meta.get_field(name).related_model
        column: Field[Any, Any] = model._meta.get_field(last)
        return column

    def terms(self, backwards: bool) -> list[OrderBy]:
        """Rows without a value stand last, whichever way the list is sorted."""
        falling = self.descending != backwards
        nulls = {"nulls_first" if backwards else "nulls_last": True} if self._column.null else {}
        names = dict.fromkeys((self.field, self._key.name))
        return [
            (F(name).desc if falling else F(name).asc)(**(nulls if name == self.field else {}))
            for name in names
        ]

    def _beyond(self, cursor: Cursor) -> Q:
        beyond = "lt" if self.descending != cursor.backwards else "gt"
        field, null = self.field, Q(**{f"{self.field}__isnull": True})
        further = Q(**{f"{self._key.name}__{beyond}": cursor.key})
        if cursor.value is None:
            return (null & further) | ~null if cursor.backwards else null & further
        # the first condition is implied by the second, but only it bounds a scan of the index
        rest = Q(**{f"{field}__{beyond}e": cursor.value}) & (
            Q(**{f"{field}__{beyond}": cursor.value}) | Q(**{field: cursor.value}) & further
        )
        return rest | null if self._column.null and not cursor.backwards else rest
