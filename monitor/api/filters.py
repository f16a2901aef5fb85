"""Filters that always filter: an unknown parameter or a malformed value is a 400."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from monitor.records import models
from monitor.records.queries import logs
from swf_common.configuration.suggestions import nearest

LEAST = {"limit": 1, "offset": 0}
"""The least value of each parameter that counts rows."""


def _is_count(text: str, least: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19 and int(text) >= least


class StrictFilterBackend(DjangoFilterBackend):
    """Refuses query parameters that the view does not know, naming them."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        if view.detail:
            return queryset
        filterset = self.get_filterset_class(view, queryset)
        paging: frozenset[str] = getattr(view.pagination_class, "parameters", frozenset())
        known = {*paging, *(filterset.base_filters if filterset else ())}
        for name, values in request.query_params.lists():
            if name not in known:
                text = f"There is no such parameter; {nearest(name, known)}"
                raise ValidationError({name: [text]})
            if not all(value.strip() for value in values):
                raise ValidationError({name: ["The value is empty."]})
            if name in paging and "limit" not in request.query_params:
                raise ValidationError({name: ["It needs a limit beside it."]})
            if name in LEAST and not all(_is_count(value, LEAST[name]) for value in values):
                raise ValidationError({name: [f"Not a whole number from {LEAST[name]} on."]})
            if any("\x00" in value for value in values):
                raise ValidationError({name: ["The value holds a NUL character."]})
        return super().filter_queryset(request, queryset, view)


class StrictBooleanField(forms.Field):
    """True or false, and nothing else."""

    def clean(self, value: Any) -> bool | None:
        if value in (None, ""):  # a form sends what is not chosen as an empty text
            return None
        known = {"true": True, "1": True, "false": False, "0": False}
        try:
            return known[str(value).lower()]
        except KeyError:
            raise forms.ValidationError("Neither true nor false.") from None


class BooleanFilter(django_filters.BooleanFilter):
    """True or false; django-filter's own takes anything else for "either"."""

    field_class = StrictBooleanField

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "widget": forms.TextInput})


class NumberFilter(django_filters.NumberFilter):
    """A whole number that a column of 64 bits holds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=-(2**63), max_value=2**63 - 1, decimal_places=0, **options)


def period(field: str) -> tuple[django_filters.Filter, django_filters.Filter]:
    """Filters for a time not before, and not after, a moment."""
    return (
        django_filters.IsoDateTimeFilter(field_name=field, lookup_expr="gte"),
        django_filters.IsoDateTimeFilter(field_name=field, lookup_expr="lte"),
    )


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


class StateChangeFilter(FilterSet):
    since, until = period("changed_at")

    class Meta:
        model = models.AgentStateChange
        fields = ["instance_name", "program", "namespace", "operational_state", "status"]


class NamespaceFilter(FilterSet):
    class Meta:
        model = models.Namespace
        fields = ["name", "owner"]


class SubscriberFilter(FilterSet):
    is_active = BooleanFilter()

    class Meta:
        model = models.Subscriber
        fields = ["subscriber_name", "is_active", "delivery_type"]


class RunFilter(FilterSet):
    run_number = NumberFilter()
    active = BooleanFilter(field_name="end_time", lookup_expr="isnull")

    class Meta:
        model = models.Run
        fields = ["run_number"]


class RunStateFilter(FilterSet):
    run_number = NumberFilter()

    class Meta:
        model = models.RunState
        fields = ["run_number", "phase", "state", "substate"]


class StfFileFilter(FilterSet):
    run_number = NumberFilter(field_name="run__run_number")
    since, until = period("created_at")

    class Meta:
        model = models.StfFile
        fields = ["stf_filename", "status", "workflow_id", "machine_state"]


class FastMonFileFilter(FilterSet):
    stf_filename = django_filters.CharFilter(field_name="stf_file__stf_filename")
    run_number = NumberFilter(field_name="stf_file__run__run_number")
    since, until = period("created_at")

    class Meta:
        model = models.FastMonFile
        fields = ["tf_filename", "status"]


class TFSliceFilter(FilterSet):
    run_number = NumberFilter()
    slice_id = NumberFilter()
    since, until = period("created_at")

    class Meta:
        model = models.TFSlice
        fields = [
            "run_number",
            "tf_filename",
            "stf_filename",
            "slice_id",
            "status",
            "assigned_worker",
        ]


class RunHistogramsFilter(FilterSet):
    run_number = NumberFilter()

    class Meta:
        model = models.RunHistograms
        fields = ["run_number"]


class WorkerFilter(FilterSet):
    run_number = NumberFilter()

    class Meta:
        model = models.Worker
        fields = ["run_number", "status", "location"]


class EventFilter(FilterSet):
    run_number = NumberFilter()
    since, until = period("timestamp")

    class Meta:
        model = models.SystemStateEvent
        fields = ["run_number", "event_type", "state", "substate"]


class StageRecordFilter(FilterSet):
    failed = BooleanFilter()

    class Meta:
        model = models.StageRecord
        fields = ["execution_id", "unit", "stage"]


class DefinitionFilter(FilterSet):
    class Meta:
        model = models.WorkflowDefinition
        fields = ["workflow_name", "version", "workflow_type", "created_by"]


class ExecutionFilter(FilterSet):
    run_number = NumberFilter()
    workflow_name = django_filters.CharFilter(field_name="workflow_definition__workflow_name")
    since, until = period("start_time")

    class Meta:
        model = models.WorkflowExecution
        fields = ["namespace", "status", "executed_by", "run_number"]


class MessageFilter(FilterSet):
    since, until = period("sent_at")

    class Meta:
        model = models.WorkflowMessage
        fields = ["message_type", "execution_id", "run_id", "namespace", "sender_agent"]


class LogFilter(FilterSet):
    level = NumberFilter()
    min_level = NumberFilter(field_name="level", lookup_expr="gte")
    search = django_filters.CharFilter(method="containing", min_length=logs.SHORTEST_SEARCH)
    since, until = period("timestamp")

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

    def containing(self, rows: QuerySet[Any], name: str, text: str) -> QuerySet[Any]:
        """The records that hold a text."""
        return logs.containing(text, rows)


class LogSummaryFilter(FilterSet):
    since, until = period("timestamp")

    class Meta:
        model = models.AppLog
        fields = ["app_name", "instance_name", "namespace", "execution_id"]


class DeadLetterFilter(FilterSet):
    class Meta:
        model = models.DeadLetter
        fields = ["resolution", "destination", "message_type", "execution_id"]
