"""The containers of agent programs, and what an operator may do with them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from monitor.access.failures import answered
from monitor.access.roles import OPERATOR, asker
from monitor.control import agents
from swf_common.protocol.agent_control import AgentContainerState

PROGRAM = OpenApiParameter(
    "program", OpenApiTypes.STR, OpenApiParameter.PATH, description="the service in compose.yaml"
)

CONTAINER = AgentContainerState.model_json_schema()
CONTAINERS = {200: {"type": "array", "items": CONTAINER}}


class TimeLimit(serializers.Serializer[Any]):
    """What stopping and restarting take."""

    timeout = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=600,
        help_text="seconds that a stop may take before SIGKILL; default: the service's own",
    )


class SupervisedAgentViewSet(ViewSet):
    """Agent programs as the supervisor manages them. An action answers with the containers as
    they are afterwards, 409 with the supervisor's reason, or 503 when none answers.
    """

    write_roles = frozenset({OPERATOR})
    lookup_field = "program"
    lookup_value_regex = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"

    @extend_schema(responses={200: CONTAINER})  # of a list: spectacular adds the array
    def list(self, request: Request) -> Response:
        """Every agent container of the testbed, also those that were only created."""
        return _answer(lambda: agents.containers(asker(request)))

    @extend_schema(parameters=[PROGRAM], request=None, responses=CONTAINERS)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, program: str) -> Response:
        """Let it run, also when it was only created."""
        return _answer(lambda: agents.act(asker(request), "start", program))

    @extend_schema(parameters=[PROGRAM], request=TimeLimit, responses=CONTAINERS)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, program: str) -> Response:
        """Let it finish the work in hand and end; it stays down."""
        limit = _time_limit(request)
        return _answer(lambda: agents.act(asker(request), "stop", program, limit))

    @extend_schema(parameters=[PROGRAM], request=TimeLimit, responses=CONTAINERS)
    @action(detail=True, methods=["post"])
    def restart(self, request: Request, program: str) -> Response:
        """Stop it, if it runs, and start it again."""
        limit = _time_limit(request)
        return _answer(lambda: agents.act(asker(request), "restart", program, limit))

    @extend_schema(parameters=[PROGRAM], request=None, responses=CONTAINERS)
    @action(detail=True, methods=["post"])
    def kill(self, request: Request, program: str) -> Response:
        """End it at once; it stays down until it is started."""
        return _answer(lambda: agents.act(asker(request), "kill", program))


def _time_limit(request: Request) -> int | None:
    wanted = TimeLimit(data=request.data)
    wanted.is_valid(raise_exception=True)
    limit: int | None = wanted.validated_data["timeout"]
    return limit


def _answer(action: Any) -> Response:
    def listed() -> list[dict[str, Any]]:
        found: list[AgentContainerState] = action()
        return [container.model_dump(mode="json") for container in found]

    return answered(listed, status.HTTP_200_OK)
