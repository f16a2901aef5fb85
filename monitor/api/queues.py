"""The consumer queues, and emptying one of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from monitor.access.failures import answered
from monitor.access.roles import OPERATOR, asker
from monitor.control import queues
from monitor.control.emptying import Emptied

COUNT = {"type": "integer"}
SECONDS = {"type": ["number", "null"]}
SHOWN = {
    "type": "object",
    "properties": {
        "queue": {"type": "string"},
        "program": {"type": "string"},
        "waiting": COUNT,
        "in_flight": COUNT,
        "consumers": COUNT,
        "oldest_at": {"type": ["string", "null"], "format": "date-time"},
        "unconsumed_s": SECONDS,
        "expires_after_s": SECONDS,
    },
}
EMPTIED = {
    "type": "object",
    "properties": {
        "queue": {"type": "string"},
        "messages": COUNT,
        "executions": {"type": "object", "additionalProperties": COUNT},
    },
}
QUEUE = OpenApiParameter("queue", OpenApiTypes.STR, OpenApiParameter.PATH, description="its name")


class QueueViewSet(ViewSet):
    """The queues of this testbed's programs at the broker."""

    write_roles = frozenset({OPERATOR})
    lookup_field = "queue"
    lookup_value_regex = "[A-Za-z0-9][A-Za-z0-9._-]{0,249}"

    @extend_schema(responses={200: SHOWN})  # of a list: spectacular adds the array
    def list(self, request: Request) -> Response:
        """What waits for each program: 200, or 503 when the broker is away."""
        return answered(queues.waiting, status.HTTP_200_OK)

    @extend_schema(parameters=[QUEUE], request=None, responses={200: EMPTIED})
    @action(detail=True, methods=["post"])
    def purge(self, request: Request, queue: str) -> Response:
        """Drop what waits in a queue that nobody consumes from: 200, 404, 409 or 503."""
        return answered(lambda: _answer(queues.purge(asker(request), queue)), status.HTTP_200_OK)


def _answer(emptied: Emptied) -> dict[str, Any]:
    return {
        "queue": emptied.queue,
        "messages": emptied.messages,
        "executions": dict(emptied.executions),
    }
