"""What the view sets of all records share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from django.db.models import Model
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.paging import OptInPagination, PlainListMixin
from monitor.records.bulk import UnknownRecords

UUID_KEY = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
MOST_NAMED = 10
"""Keys that a refusal names at most."""


Record = TypeVar("Record", bound=Model)


class RecordSerializer(serializers.ModelSerializer[Record], Generic[Record]):
    """A record; changing it writes the fields that are given, and no other: what the database or
    somebody else has written into the rest since stays. Its key cannot be changed, nor what
    `fixed` names: other records have been counted by it.
    """

    fixed: tuple[str, ...] = ()

    def update(self, instance: Record, validated_data: dict[str, Any]) -> Record:
        key = instance._meta.pk
        assert key is not None
        if validated_data.pop(key.name, instance.pk) != instance.pk:
            raise ValidationError({key.name: ["A key cannot be changed."]})
        for name in self.fixed:
            if validated_data.pop(name, getattr(instance, name)) != getattr(instance, name):
                raise ValidationError({name: ["It cannot be changed."]})
        for name, value in validated_data.items():
            setattr(instance, name, value)
        stamped = [
            field.name for field in instance._meta.fields if getattr(field, "auto_now", False)
        ]
        instance.save(update_fields=[*validated_data, *stamped])
        instance.refresh_from_db()
        return instance


class RecordViewSet(PlainListMixin, viewsets.ModelViewSet[Any]):
    """All verbs on one model."""

    pagination_class: Any = OptInPagination
    lookup_value_regex = "[^/]{1,255}"


class ReadOnlyViewSet(PlainListMixin, viewsets.ReadOnlyModelViewSet[Any]):
    """Listing and looking at one model."""

    pagination_class: Any = OptInPagination


class IntegerKeyMixin:
    """Detail addresses take whole numbers only: anything else is a 404."""

    lookup_value_regex = "[0-9]{1,18}"


def changes_many(name: str, change: Any, record: Any) -> Any:
    """Describe the `change_many` of a view set.

    :param name: the view set's, as operations are named
    :param change: the serializer of one change
    :param record: the serializer of what is answered
    """

    def described(view: Any) -> Any:
        def change_many(self: Any, request: Request) -> Response:
            """Change many records, each named by its key."""
            return ListBodyMixin.change_many(self, request)

        view.change_many = extend_schema(
            operation_id=f"{name}_change_many",
            request=change(many=True),
            responses=record(many=True),
            filters=False,
        )(change_many)
        return view

    return described


@contextmanager
def named_refusals() -> Iterator[None]:
    """Refuse records that do not exist with a 400 that names the field."""
    try:
        yield
    except UnknownRecords as error:
        raise ValidationError({error.field: [str(error)]}) from None


MINIMAL = "return=minimal"
"""The preference (RFC 7240) of a client that does not need the records that it has written."""


def prefers_minimal(request: Request) -> bool:
    """Whether the client asks for the shortest answer."""
    preferences = request.headers.get("Prefer", "").split(",")
    return MINIMAL in (one.strip().lower() for one in preferences)


class ListBodyMixin:
    """A list as body writes many records in one statement, safe to repeat.

    `POST` takes one record or a list of `element_class`; `PATCH` of the list's address takes a
    list of `change_class`, one for each key. A record that exists already stays as it is. The
    answer has the records; to a request with `Prefer: return=minimal` it is empty (204).

    :cvar change_key: the field by which a change names its record
    :cvar register_many: registers the checked elements
    :cvar find_many: the records of checked elements that are registered, in the same order
    :cvar apply_changes: applies the checked changes; the stored records
    """

    element_class: type[serializers.Serializer[Any]]
    change_class: type[serializers.Serializer[Any]]
    change_key: str
    register_many: Callable[[Sequence[dict[str, Any]]], None]
    find_many: Callable[[Sequence[dict[str, Any]]], Sequence[Any]]
    apply_changes: Callable[[Sequence[dict[str, Any]]], Sequence[Any]]

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if not isinstance(request.data, list):
            answer: Response = super().create(request, *args, **kwargs)  # type: ignore[misc]
            return answer
        rows = self._checked(self.element_class, request.data)
        with named_refusals():
            self.register_many(rows)
            return self._answer(request, lambda: self.find_many(rows), status.HTTP_201_CREATED)

    def change_many(self, request: Request) -> Response:
        """Change many records, each named by its key."""
        rows = self._checked(self.change_class, request.data)
        with named_refusals():
            changed = self._apply_once(rows)
            return self._answer(request, lambda: changed, status.HTTP_200_OK)

    def _apply_once(self, rows: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Apply the changes if each key is there once: of two changes nobody knows the later.

        :raises ValidationError: a key is there twice; nothing is changed
        """
        times = Counter(row[self.change_key] for row in rows)
        repeated = [str(key) for key, count in times.items() if count > 1]
        if repeated:
            text = f"More than one change for: {', '.join(repeated[:MOST_NAMED])}."
            raise ValidationError({self.change_key: [text]})
        return self.apply_changes(rows)

    @staticmethod
    def _checked(kind: type[serializers.Serializer[Any]], data: Any) -> Sequence[dict[str, Any]]:
        rows = kind(data=data, many=True)
        rows.is_valid(raise_exception=True)
        checked: Sequence[dict[str, Any]] = rows.validated_data
        return checked

    def _answer(self, request: Request, stored: Callable[[], Sequence[Any]], code: int) -> Response:
        if prefers_minimal(request):
            applied = {"Preference-Applied": MINIMAL}
            return Response(status=status.HTTP_204_NO_CONTENT, headers=applied)
        view: Any = self
        return Response(view.get_serializer(stored(), many=True).data, status=code)
