"""Executions: their records, starting and stopping them, and how far they have come."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.access.failures import answered
from monitor.access.roles import AGENT, OPERATOR, asker
from monitor.api.filters import ExecutionFilter
from monitor.api.records import RecordSerializer, RecordViewSet
from monitor.control import workflows
from monitor.records import models
from monitor.records.queries.progress import progress_of
from swf_common.configuration.suggestions import nearest
from swf_common.protocol.destinations import RECORDER
from swf_common.protocol.json_values import as_object
from swf_common.protocol.message import Message
from swf_common.protocol.states import ExecutionStatus


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
        # merged key by key: several agents measure
        if self.partial and before and attrs.get("performance_metrics") is not None:
            attrs["performance_metrics"] = {**metrics, **attrs["performance_metrics"]}
        return attrs


class StartWorkflow(serializers.Serializer[Any]):
    """What `workflow-executions/start/` takes."""

    workflow_name = serializers.RegexField(r"^[A-Za-z0-9_-]+$", max_length=200)
    config = serializers.RegexField(
        r"^[A-Za-z0-9_.-]+$", max_length=200, required=False, allow_null=True
    )
    realtime = serializers.BooleanField(default=True)
    duration = serializers.FloatField(default=0, min_value=0)
    params = serializers.DictField(required=False, default=dict)
    resolved = serializers.DictField(required=False, allow_null=True, default=None)


class ProgressWanted(serializers.Serializer[Any]):
    """The query parameters of `workflow-executions/<id>/progress/`."""

    times = serializers.BooleanField(
        default=True,
        help_text="measure the fast path, which looks at every slice; false: its times are null",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            text = "There is no such parameter; {}"
            raise serializers.ValidationError(
                {name: [text.format(nearest(name, self.fields))] for name in sorted(unknown)}
            )
        return attrs


@extend_schema_view(destroy=extend_schema(description="Administrators only."))
class ExecutionViewSet(RecordViewSet):
    """Workflow executions."""

    queryset = models.WorkflowExecution.objects.select_related("workflow_definition")
    serializer_class = ExecutionSerializer
    filterset_class = ExecutionFilter
    write_roles = frozenset({AGENT, OPERATOR})

    def get_permissions(self) -> Any:
        if self.action in ("start", "stop", "end"):
            self.write_roles = frozenset({OPERATOR})
        return super().get_permissions()

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if self.action in ("update", "partial_update"):
            return rows.select_for_update(of=("self",))
        return rows

    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().update(request, *args, **kwargs)

    @extend_schema(request=StartWorkflow, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def start(self, request: Request) -> Response:
        """Start a workflow: 201 with its execution id, 409 with the runner's reason, 503 when
        nobody takes commands, or 504 when a runner got the command and did not answer: then the
        workflow may run.
        """
        wanted = StartWorkflow(data=request.data)
        wanted.is_valid(raise_exception=True)
        asked_by = asker(request)
        return answered(
            lambda: _ids(workflows.start(asked_by, **wanted.validated_data)),
            status.HTTP_201_CREATED,
        )

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Stop a running workflow: 202, 409 with the runner's reason, 503 or 504 as for `start`."""
        return answered(lambda: _ids(workflows.stop(asker(request), pk)), status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Record an execution as terminated that nobody runs any more: 200, 404 or 409."""
        return answered(
            lambda: self.get_serializer(workflows.end(asker(request), pk)).data,
            status.HTTP_200_OK,
        )

    @extend_schema(parameters=[ProgressWanted], responses=OpenApiTypes.OBJECT, filters=False)
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, pk: str) -> Response:
        """What came of an execution so far, counted from the records."""
        wanted = ProgressWanted(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        row = get_object_or_404(self.get_queryset(), pk=pk)
        return Response(progress_of(row, **wanted.validated_data))


def _ids(reply: Message) -> dict[str, Any]:
    return {"execution_id": reply.execution_id, "run_id": reply.run_id}
