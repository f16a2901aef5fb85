"""The records under `/api/`, one view set a model."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema, extend_schema_view
from pydantic import ValidationError as PydanticError
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api import filters, serializers
from monitor.api.paging import OptInCursorPagination, OptInPagination, PlainListMixin
from monitor.api.roles import AGENT, OPERATOR
from monitor.records import heartbeats, models, stf_files
from testbed.protocol.heartbeat import Heartbeat


class RecordViewSet(PlainListMixin, viewsets.ModelViewSet[Any]):
    """All verbs on one model."""

    pagination_class: Any = OptInPagination
    lookup_value_regex = "[^/]{1,100}"


class ReadOnlyViewSet(PlainListMixin, viewsets.ReadOnlyModelViewSet[Any]):
    """Listing and looking at one model."""

    pagination_class: Any = OptInPagination


class IntegerKeyMixin:
    """Detail addresses take whole numbers only: anything else is a 404."""

    lookup_value_regex = "[0-9]{1,18}"


class AgentViewSet(IntegerKeyMixin, RecordViewSet):
    queryset = models.SystemAgent.objects.all()
    serializer_class = serializers.AgentSerializer
    filterset_class = filters.AgentFilter

    @extend_schema(request=Heartbeat, responses={(200, 201): serializers.AgentSerializer})
    @action(detail=False, methods=["post"])
    def heartbeat(self, request: Request) -> Response:
        """Report an agent's state; 201 when the agent is new. Only fields given are written."""
        try:
            beat = Heartbeat.model_validate(request.data)
        except PydanticError as error:
            problems: dict[str, list[str]] = {}
            for problem in error.errors(include_url=False):
                field = str(problem["loc"][0]) if problem["loc"] else "non_field_errors"
                missing = problem["type"] == "missing"
                text = "This field is required." if missing else problem["msg"]
                problems.setdefault(field, []).append(text)
            raise ValidationError(problems) from None
        agent, is_new = heartbeats.store(beat)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self.get_serializer(agent).data, status=code)


class RunViewSet(IntegerKeyMixin, RecordViewSet):
    queryset = models.Run.objects.all()
    serializer_class = serializers.RunSerializer
    filterset_class = filters.RunFilter


class RunStateViewSet(IntegerKeyMixin, RecordViewSet):
    queryset = models.RunState.objects.all()
    serializer_class = serializers.RunStateSerializer
    filterset_fields = ["run_number", "phase", "state", "substate"]


class StfFileViewSet(RecordViewSet):
    """STF files. A list as body registers (POST) or changes (PATCH) many, safe to repeat."""

    queryset = models.StfFile.objects.select_related("run")
    serializer_class = serializers.StfFileSerializer
    filterset_class = filters.StfFileFilter
    lookup_value_regex = "[0-9a-f-]{36}"

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if not isinstance(request.data, list):
            return super().create(request, *args, **kwargs)
        rows = serializers.StfFileInList(data=request.data, many=True)
        rows.is_valid(raise_exception=True)
        try:
            stored = stf_files.register(rows.validated_data)
        except stf_files.UnknownRuns as error:
            raise ValidationError({"run_number": [f"There is no run {error}."]}) from None
        answer = self.get_serializer(stored, many=True).data
        return Response(answer, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=serializers.StfFileChange(many=True),
        responses=serializers.StfFileSerializer(many=True),
    )
    def change_many(self, request: Request) -> Response:
        """Change status and metadata of many files, named by their file names."""
        rows = serializers.StfFileChange(data=request.data, many=True)
        rows.is_valid(raise_exception=True)
        try:
            changed = stf_files.change(rows.validated_data)
        except stf_files.UnknownFiles as error:
            raise ValidationError({"stf_filename": [f"There is no STF file {error}."]}) from None
        return Response(self.get_serializer(changed, many=True).data)


class DefinitionViewSet(IntegerKeyMixin, RecordViewSet):
    """Workflow definitions; a recorded one is never changed."""

    queryset = models.WorkflowDefinition.objects.all()
    serializer_class = serializers.DefinitionSerializer
    filterset_class = filters.DefinitionFilter

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
        same = all(
            getattr(known, name) == wanted.get(name) for name in ("definition", "workflow_type")
        )
        if same:
            raise ValidationError({"non_field_errors": [text]})
        detail = f"{text} Its definition differs; record this one under another version."
        return Response({"detail": detail}, status=status.HTTP_409_CONFLICT)


class MessageViewSet(ReadOnlyViewSet):
    queryset = models.WorkflowMessage.objects.all()
    serializer_class = serializers.MessageSerializer
    filterset_class = filters.MessageFilter
    pagination_class = OptInCursorPagination
    lookup_field = "message_id"
    lookup_value_regex = "[0-9a-f-]{36}"


class DeadLetterViewSet(IntegerKeyMixin, ReadOnlyViewSet):
    queryset = models.DeadLetter.objects.all()
    serializer_class = serializers.DeadLetterSerializer
    filterset_class = filters.DeadLetterFilter


class LogViewSet(IntegerKeyMixin, RecordViewSet):
    """Log records; POST takes one or a list."""

    queryset = models.AppLog.objects.all()
    serializer_class = serializers.LogSerializer
    filterset_class = filters.LogFilter
    pagination_class = OptInCursorPagination
    http_method_names = ["get", "post", "delete", "head", "options"]

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("data"), list):
            kwargs["many"] = True
        return super().get_serializer(*args, **kwargs)


class NamespaceViewSet(RecordViewSet):
    queryset = models.Namespace.objects.all()
    serializer_class = serializers.NamespaceSerializer
    filterset_fields = ["name", "owner"]

    @action(detail=False, methods=["post"])
    def ensure(self, request: Request) -> Response:
        """The namespace of that name, created when there is none."""
        data = request.data if isinstance(request.data, dict) else {}
        for field in ("name", "owner"):
            if not isinstance(data.get(field), str) or not 0 < len(data[field]) <= 100:
                return Response(
                    {"error": f"{field} is required", "status": "error"},
                    status=status.HTTP_400_BAD_REQUEST,
                )
        namespace, created = models.Namespace.objects.get_or_create(
            name=data["name"],
            defaults={"owner": data["owner"], "description": str(data.get("description", ""))},
        )
        return Response(
            {
                "name": namespace.name,
                "owner": namespace.owner,
                "description": namespace.description,
                "created": created,
                "status": "success",
            }
        )


@extend_schema_view(destroy=extend_schema(description="Administrators only."))
class ExecutionRecordViewSet(RecordViewSet):
    """The records of executions; what acts on them is in `executions.py`."""

    queryset = models.WorkflowExecution.objects.select_related("workflow_definition")
    serializer_class = serializers.ExecutionSerializer
    filterset_class = filters.ExecutionFilter
    write_roles = frozenset({AGENT, OPERATOR})
