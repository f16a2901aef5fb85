"""Executions: their records, starting and stopping them, and how far they have come."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.roles import OPERATOR
from monitor.api.workflows import ExecutionRecordViewSet
from monitor.control.commands import NoAnswer, control
from monitor.records.progress import progress_of
from testbed.protocol.messages import Message, RunWorkflow, StopWorkflow


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
        if self.action in ("start", "stop"):
            self.write_roles = frozenset({OPERATOR})
        return super().get_permissions()

    @extend_schema(request=StartWorkflow, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def start(self, request: Request) -> Response:
        """Start a workflow: 201 with its execution id, 409 with the runner's reason, or 503."""
        wanted = StartWorkflow(data=request.data)
        wanted.is_valid(raise_exception=True)
        return _command(
            RunWorkflow(
                namespace=settings.TESTBED_NAMESPACE,
                sender=f"user-{request.user}"[:100],
                **wanted.validated_data,
            ),
            status.HTTP_201_CREATED,
        )

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Stop a running workflow: 202, 409 with the runner's reason, or 503."""
        return _command(
            StopWorkflow(
                namespace=settings.TESTBED_NAMESPACE,
                sender=f"user-{request.user}"[:100],
                execution_id=pk,
            ),
            status.HTTP_202_ACCEPTED,
        )

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, pk: str) -> Response:
        """What came of an execution so far, counted from the records."""
        return Response(progress_of(self.get_object()))


def _command(message: Message, accepted: int) -> Response:
    """Send a command to the workflow-runner and answer with its reply."""
    try:
        reply = control().ask_runner(message)
    except NoAnswer as error:
        return Response({"detail": str(error)}, status=status.HTTP_503_SERVICE_UNAVAILABLE)
    if reply.msg_type == "rejected":
        return Response({"detail": reply.field("reason")}, status=status.HTTP_409_CONFLICT)
    answer = {"execution_id": reply.execution_id, "run_id": reply.run_id}
    return Response(answer, status=accepted)
