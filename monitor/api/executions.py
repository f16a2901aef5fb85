"""Executions: their records, starting and stopping them, and how far they have come."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.access.failures import answered
from monitor.access.roles import OPERATOR, asker
from monitor.api.workflows import ExecutionRecordViewSet, ExecutionSerializer
from monitor.control import workflows
from monitor.records.progress import progress_of
from swf_common.protocol.message import Message


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


class ExecutionViewSet(ExecutionRecordViewSet):
    """Workflow executions."""

    def get_permissions(self) -> Any:
        if self.action in ("start", "stop", "end"):
            self.write_roles = frozenset({OPERATOR})
        return super().get_permissions()

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
            lambda: _told(workflows.start(asked_by, **wanted.validated_data)),
            status.HTTP_201_CREATED,
        )

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Stop a running workflow: 202, 409 with the runner's reason, 503 or 504 as for `start`."""
        return answered(lambda: _told(workflows.stop(asker(request), pk)), status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Record an execution as terminated that nobody runs any more: 200, 404 or 409."""
        return answered(
            lambda: self.get_serializer(workflows.end(asker(request), pk)).data,
            status.HTTP_200_OK,
        )

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, pk: str) -> Response:
        """What came of an execution so far, counted from the records."""
        return Response(progress_of(self.get_object()))


def _told(reply: Message) -> dict[str, Any]:
    return {"execution_id": reply.execution_id, "run_id": reply.run_id}
