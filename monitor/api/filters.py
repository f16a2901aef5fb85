"""Filters that always filter: an unknown parameter or a malformed value is a 400."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from monitor.records import models
from testbed.configuration.suggestions import nearest

PAGING = frozenset({"limit", "offset", "cursor"})


class StrictFilterBackend(DjangoFilterBackend):
    """Refuses query parameters that the view does not know, naming them."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        if view.detail:
            return queryset
        filterset = self.get_filterset_class(view, queryset)
        known = set(filterset.base_filters) if filterset else set()
        for name, values in request.query_params.lists():
            if name not in known | PAGING:
                raise ValidationError(
                    {name: [f"There is no such parameter; {nearest(name, known | PAGING)}"]}
                )
            if any("\x00" in value for value in values):
                raise ValidationError({name: ["The value holds a NUL character."]})
        return super().filter_queryset(request, queryset, view)


class AgentFilter(FilterSet):
    execution_id = django_filters.CharFilter(field_name="metadata__execution_id")

    class Meta:
        model = models.SystemAgent
        fields = [
            "instance_name",
            "namespace",
            "program",
            "agent_type",
            "operational_state",
            "status",
            "container_id",
        ]


class RunFilter(FilterSet):
    active = django_filters.BooleanFilter(field_name="end_time", lookup_expr="isnull")

    class Meta:
        model = models.Run
        fields = ["run_number"]


class StfFileFilter(FilterSet):
    run_number = django_filters.NumberFilter(field_name="run__run_number")

    class Meta:
        model = models.StfFile
        fields = ["stf_filename", "status", "workflow_id", "machine_state"]


class DefinitionFilter(FilterSet):
    class Meta:
        model = models.WorkflowDefinition
        fields = ["workflow_name", "version", "workflow_type", "created_by"]


class ExecutionFilter(FilterSet):
    workflow_name = django_filters.CharFilter(field_name="workflow_definition__workflow_name")

    class Meta:
        model = models.WorkflowExecution
        fields = ["namespace", "status", "executed_by", "run_number"]


class MessageFilter(FilterSet):
    since = django_filters.IsoDateTimeFilter(field_name="sent_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="sent_at", lookup_expr="lte")

    class Meta:
        model = models.WorkflowMessage
        fields = ["message_type", "execution_id", "run_id", "namespace", "sender_agent"]


class LogFilter(FilterSet):
    min_level = django_filters.NumberFilter(field_name="level", lookup_expr="gte")
    since = django_filters.IsoDateTimeFilter(field_name="timestamp", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="timestamp", lookup_expr="lte")

    class Meta:
        model = models.AppLog
        fields = [
            "app_name",
            "instance_name",
            "levelname",
            "level",
            "namespace",
            "execution_id",
            "run_id",
        ]


class DeadLetterFilter(FilterSet):
    class Meta:
        model = models.DeadLetter
        fields = ["resolution", "destination", "message_type", "execution_id"]
