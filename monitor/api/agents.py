"""Agents, their heartbeats and changes of state, namespaces, and who subscribed to what."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.access.failures import answered
from monitor.access.roles import OPERATOR, asker
from monitor.api.filters import (
    AgentFilter,
    NamespaceFilter,
    StateChangeFilter,
    SubscriberFilter,
)
from monitor.api.paging import OptInCursorPagination
from monitor.api.records import IntegerKeyMixin, ReadOnlyViewSet, RecordSerializer, RecordViewSet
from monitor.control import agents as control
from monitor.records import heartbeats, models
from swf_common.protocol.agent_control import AgentContainerState
from swf_common.protocol.heartbeat import LONGEST_INTERVAL, SHORTEST_INTERVAL, Heartbeat


class AgentSerializer(RecordSerializer[models.SystemAgent]):
    heartbeat_interval = serializers.FloatField(
        required=False, allow_null=True, min_value=SHORTEST_INTERVAL, max_value=LONGEST_INTERVAL
    )

    class Meta:
        model = models.SystemAgent
        fields = "__all__"


class StateChangeSerializer(RecordSerializer[models.AgentStateChange]):
    class Meta:
        model = models.AgentStateChange
        fields = "__all__"


class NamespaceSerializer(RecordSerializer[models.Namespace]):
    class Meta:
        model = models.Namespace
        fields = "__all__"


class NamespaceWanted(serializers.Serializer[Any]):
    """What `namespaces/ensure/` takes."""

    name = serializers.CharField(max_length=100)
    owner = serializers.CharField(max_length=100)
    description = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True, default=""
    )


class NamespaceEnsured(serializers.Serializer[Any]):
    """What `namespaces/ensure/` answers."""

    name = serializers.CharField()
    owner = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    created = serializers.BooleanField()
    status = serializers.CharField()


class SubscriberSerializer(RecordSerializer[models.Subscriber]):
    fraction = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=1, help_text="of the messages"
    )

    class Meta:
        model = models.Subscriber
        fields = "__all__"


class AgentViewSet(IntegerKeyMixin, RecordViewSet):
    queryset = models.SystemAgent.objects.all()
    serializer_class = AgentSerializer
    filterset_class = AgentFilter

    def get_permissions(self) -> Any:
        if self.action == "kill":
            self.write_roles = frozenset({OPERATOR})
        return super().get_permissions()

    @extend_schema(request=Heartbeat, responses={200: AgentSerializer, 201: AgentSerializer})
    @action(detail=False, methods=["post"])
    def heartbeat(self, request: Request) -> HttpResponse:
        """Report an agent's state; 201 when the agent is new. Only fields given are written."""
        try:
            beat = heartbeats.read(request.data)
        except heartbeats.BadHeartbeat as error:
            raise ValidationError(error.problems) from None
        stored = heartbeats.store(beat)
        code = status.HTTP_201_CREATED if stored.is_new else status.HTTP_200_OK
        return HttpResponse(stored.agent, status=code, content_type="application/json")

    @extend_schema(request=None, responses=AgentContainerState)
    @action(detail=True, methods=["post"])
    def kill(self, request: Request, pk: str) -> Response:
        """Kill an agent's container, which stays down: 200, 409 with the reason, or 503."""
        agent = self.get_object()
        return answered(
            lambda: control.kill(asker(request), agent).model_dump(mode="json"),
            status.HTTP_200_OK,
        )


class StateChangeViewSet(IntegerKeyMixin, ReadOnlyViewSet):
    """Changes of agents' states, in the order in which they were stored."""

    queryset = models.AgentStateChange.objects.all()
    serializer_class = StateChangeSerializer
    filterset_class = StateChangeFilter
    pagination_class = OptInCursorPagination


class SubscriberViewSet(IntegerKeyMixin, RecordViewSet):
    queryset = models.Subscriber.objects.all()
    serializer_class = SubscriberSerializer
    filterset_class = SubscriberFilter


class NamespaceViewSet(RecordViewSet):
    queryset = models.Namespace.objects.all()
    serializer_class = NamespaceSerializer
    filterset_class = NamespaceFilter

    @extend_schema(request=NamespaceWanted, responses=NamespaceEnsured, filters=False)
    @action(detail=False, methods=["post"])
    def ensure(self, request: Request) -> Response:
        """The namespace of that name, created when there is none; its owner is not compared."""
        wanted = NamespaceWanted(data=request.data)
        if not wanted.is_valid():
            field = next(iter(wanted.errors))
            missing = field in ("name", "owner") and not (
                isinstance(request.data, dict) and request.data.get(field)
            )
            text = f"{field} is required" if missing else f"{field}: {wanted.errors[field][0]}"
            answer = {"error": text, "status": "error"}
            return Response(answer, status=status.HTTP_400_BAD_REQUEST)
        data = wanted.validated_data
        namespace, created = models.Namespace.objects.get_or_create(
            name=data["name"],
            defaults={"owner": data["owner"], "description": data["description"]},
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
