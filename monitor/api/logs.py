"""Log records: taken one by one or in lists, listed, and summed up."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.filters import LogFilter, LogSummaryFilter
from monitor.api.paging import OptInCursorPagination
from monitor.api.records import IntegerKeyMixin, RecordViewSet
from monitor.api.written_rows import WrittenListMixin
from monitor.records import models
from monitor.records.models.logs import CONTEXT_LENGTHS
from monitor.records.queries.logs import summary

MESSAGE_LENGTH = 100_000
"""Characters of a log message, at most."""


class LogListSerializer(serializers.ListSerializer[models.AppLog]):
    """Many records in one statement."""

    def create(self, validated_data: Any) -> Any:
        return models.AppLog.objects.bulk_create(
            [models.AppLog(**with_context(record)) for record in validated_data]
        )


class LogSerializer(serializers.ModelSerializer[models.AppLog]):
    message = serializers.CharField(
        max_length=MESSAGE_LENGTH, allow_blank=True, trim_whitespace=False
    )

    class Meta:
        model = models.AppLog
        fields = "__all__"
        list_serializer_class = LogListSerializer

    def create(self, validated_data: dict[str, Any]) -> models.AppLog:
        return models.AppLog.objects.create(**with_context(validated_data))


def with_context(record: dict[str, Any]) -> dict[str, Any]:
    """A log record whose namespace, execution and run are taken from `extra_data`."""
    extra = record.get("extra_data")
    if not isinstance(extra, dict):
        return record
    found = {
        name: str(extra[name])[:length]
        for name, length in CONTEXT_LENGTHS.items()
        if extra.get(name) is not None and record.get(name) is None
    }
    return {**record, **found}


class LogViewSet(WrittenListMixin, IntegerKeyMixin, RecordViewSet):
    """Log records, newest first; POST takes one or a list."""

    queryset = models.AppLog.objects.order_by("-id")
    serializer_class = LogSerializer
    filterset_class = LogFilter
    pagination_class = OptInCursorPagination
    http_method_names = ["get", "post", "delete", "head", "options"]

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("data"), list):
            kwargs["many"] = True
        return super().get_serializer(*args, **kwargs)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["get"], filterset_class=LogSummaryFilter, pagination_class=None)
    def summary(self, request: Request) -> Response:
        """By application and instance: how many errors of each level, and the five newest."""
        return Response(summary(self.filter_queryset(self.get_queryset())))
