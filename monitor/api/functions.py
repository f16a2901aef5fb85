"""What is not a record: counters, readiness, queues."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.control.commands import NoAnswer, control
from monitor.live.process import hub
from monitor.records.models import PersistentState
from monitor.records.models.counters import AGENT_ID, EXECUTION_SEQUENCE, RUN_NUMBER
from monitor.records.queries.agents import heartbeats
from monitor.records.queries.messages import open_letters
from swf_common.protocol.identifiers import is_namespace


@extend_schema(request=None, responses=OpenApiTypes.OBJECT)
@api_view(["POST"])
def next_agent_id(request: Request) -> Response:
    """The number of a new agent instance; the first is 1."""
    return Response({"agent_id": PersistentState.take(AGENT_ID), "status": "success"})


@extend_schema(request=None, responses=OpenApiTypes.OBJECT)
@api_view(["POST"])
def next_run_number(request: Request) -> Response:
    """The number of a new run; the first is 100010."""
    number = PersistentState.take(RUN_NUMBER)
    return Response({"run_number": number, "status": "success"})


@extend_schema(request=None, responses=OpenApiTypes.OBJECT)
@api_view(["POST"])
def next_workflow_execution_id(request: Request) -> Response:
    """The sequence number of a new execution, over all workflows; the first is 1."""
    number = PersistentState.take(EXECUTION_SEQUENCE)
    return Response({"sequence": number, "status": "success"})


@extend_schema(responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def state(request: Request) -> Response:
    """The persistent state: the next and the last value of each counter, and when that was."""
    row = PersistentState.objects.first()
    return Response(row.state_data if row else {})


@extend_schema(
    parameters=[OpenApiParameter("namespace", str, description="default: the testbed's own")],
    responses=OpenApiTypes.OBJECT,
)
@api_view(["GET"])
def readiness(request: Request) -> Response:
    """The gate's view: what every container last said, and the database's time.

    Of each container only the newest agent instance is listed; one that is EXITED for an hour.
    """
    unknown = set(request.query_params) - {"namespace"}
    if unknown:
        raise ValidationError({name: ["There is no such parameter."] for name in unknown})
    namespace = request.query_params.get("namespace", settings.TESTBED_NAMESPACE)
    if not is_namespace(namespace):
        raise ValidationError({"namespace": ["This is not a valid namespace."]})
    rows = heartbeats(namespace)
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (moment,) = cursor.fetchone() or (None,)
    return Response({"namespace": namespace, "now": moment, "heartbeats": rows})


@extend_schema(responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def stream_status(request: Request) -> Response:
    """Who reads the live stream at the moment, and what each wants."""
    clients = list(hub.clients.values())
    return Response(
        {
            "connected_clients": len(clients),
            "client_ids": [client.id for client in clients],
            "client_filters": {
                client.id: {
                    "kinds": sorted(client.wanted.kinds),
                    **{name: sorted(values) for name, values in client.wanted.values.items()},
                }
                for client in clients
            },
            "following": hub.following,
        }
    )


@extend_schema(responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def backlog(request: Request) -> Response:
    """Messages waiting at the broker for each consumer queue, and the open dead letters."""
    try:
        queues: list[dict[str, Any]] | None = control().queue_depths()
    except NoAnswer:
        queues = None
    return Response({"queues": queues, "dead_letters": open_letters().count()})
