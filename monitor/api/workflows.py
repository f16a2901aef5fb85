"""Workflow definitions, and the records of executions."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.access.roles import AGENT, OPERATOR
from monitor.api.filters import DefinitionFilter, ExecutionFilter
from monitor.api.records import IntegerKeyMixin, RecordSerializer, RecordViewSet
from monitor.records import models
from swf_common.protocol.destinations import RECORDER
from swf_common.protocol.json_values import as_object
from swf_common.protocol.states import ExecutionStatus

BODY: dict[str, Any] = {"workflow_type": None, "definition": None, "parameter_values": {}}
"""What makes a definition the one that it is, and what each is when it is not given; who records
it may differ.
"""


class DefinitionSerializer(RecordSerializer[models.WorkflowDefinition]):
    definition = serializers.CharField(trim_whitespace=False, help_text="the source, as it is")

    class Meta:
        model = models.WorkflowDefinition
        fields = "__all__"
        validators: list[Any] = []  # a second definition is answered by the view: 400 or 409


class ExecutionSerializer(RecordSerializer[models.WorkflowExecution]):
    parameter_values = serializers.DictField()
    performance_metrics = serializers.DictField(required=False, allow_null=True)

    class Meta:
        model = models.WorkflowExecution
        fields = "__all__"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An execution that has ended has an end time and never runs again."""
        before = self.instance
        status = ExecutionStatus(
            attrs.get("status", before.status if before else ExecutionStatus.PENDING)
        )
        if before and ExecutionStatus(before.status).final and not status.final:
            raise serializers.ValidationError(
                {"status": [f"The execution has ended ({before.status}); it cannot run again."]}
            )
        metrics = as_object(before.performance_metrics) if before else {}
        if before and metrics.get("run_closed_by") == RECORDER and status != before.status:
            raise serializers.ValidationError(
                {
                    "status": [
                        f"The recorder has ended the execution ({before.status}) and closed its "
                        "run while its runner was silent; that is final."
                    ]
                }
            )
        if status.final and not attrs.get("end_time"):
            attrs["end_time"] = (before.end_time if before else None) or timezone.now()
        if before and status != before.status and metrics.pop("ended_by", None):
            attrs.setdefault("performance_metrics", {})  # it was ended by another one after all
        if self.partial and before and attrs.get("performance_metrics") is not None:
            attrs["performance_metrics"] = {**metrics, **attrs["performance_metrics"]}
        return attrs


class DefinitionViewSet(IntegerKeyMixin, RecordViewSet):
    """Workflow definitions; a recorded one is never changed."""

    queryset = models.WorkflowDefinition.objects.all()
    serializer_class = DefinitionSerializer
    filterset_class = DefinitionFilter

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            with transaction.atomic():
                serializer.save()
        except IntegrityError:
            return self._refuse(serializer.validated_data)
        return Response(serializer.data, status=status.HTTP_201_CREATED)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        before = self.get_object()
        serializer = self.get_serializer(before, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        changed = [
            name
            for name, value in serializer.validated_data.items()
            if getattr(before, name) != value
        ]
        if changed:
            text = f"A definition is immutable; it differs in: {', '.join(changed)}."
            return Response({"detail": text}, status=status.HTTP_409_CONFLICT)
        return Response(self.get_serializer(before).data)

    def _refuse(self, wanted: dict[str, Any]) -> Response:
        known = models.WorkflowDefinition.objects.get(
            workflow_name=wanted["workflow_name"], version=wanted["version"]
        )
        text = f"workflow {known.workflow_name} version {known.version} already exists."
        differing = [name for name in BODY if getattr(known, name) != wanted.get(name, BODY[name])]
        if not differing:
            raise ValidationError({"non_field_errors": [text]})
        detail = (
            f"{text} It differs in: {', '.join(differing)}. Record this one under another version."
        )
        return Response({"detail": detail}, status=status.HTTP_409_CONFLICT)


@extend_schema_view(destroy=extend_schema(description="Administrators only."))
class ExecutionRecordViewSet(RecordViewSet):
    """The records of executions; what acts on them is in `executions.py`. `PATCH` merges
    `performance_metrics` key by key: several agents measure.
    """

    queryset = models.WorkflowExecution.objects.select_related("workflow_definition")
    serializer_class = ExecutionSerializer
    filterset_class = ExecutionFilter
    write_roles = frozenset({AGENT, OPERATOR})

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if self.action in ("update", "partial_update"):
            return rows.select_for_update(of=("self",))
        return rows

    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().update(request, *args, **kwargs)
