"""Metrics for Prometheus: requests of this process, and what the database knows."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.control.commands import NoAnswer, control
from monitor.records.models import RecorderStatus, WorkflowExecution
from monitor.records.queries import agents, counting
from monitor.records.queries.messages import open_letters
from swf_common.protocol.destinations import RECORDER
from swf_common.protocol.states import ExecutionStatus, OperationalState

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NO_ANSWER = 499
"""The status that counts a client that went before it had an answer."""
disable_created_metrics()  # type: ignore[no-untyped-call]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
registry = CollectorRegistry()
REQUESTS = Counter(
    "testbed_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
)
SECONDS = Histogram(
    "testbed_http_request_seconds",
    "Seconds until the answer began.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)
STREAM_CLIENTS = Gauge("testbed_stream_clients", "Clients of the live stream.", registry=registry)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(seconds)


class MetricsMiddleware(MiddlewareMixin):
    """Counts the requests that Django answers, by route."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        started = time.perf_counter()
        response = self.get_response(request)
        _observe(request, response, started)
        return response


def _observe(request: HttpRequest, response: HttpResponse, started: float) -> None:
    match = request.resolver_match
    route = _readable(match.route) if match is not None else "none"
    method = str(request.method) if request.method in METHODS else "other"
    observe(method, route, response.status_code, time.perf_counter() - started)


@cache
def _readable(route: str) -> str:
    """A route without the marks of regular expressions."""
    return "/" + re.sub(r"\(\?P<(\w+)>.*?\)(?=/|\$|$)", r"<\1>", route).rstrip("$")


class StoredFacts(Collector):
    """What the database and the broker report at the moment of a scrape."""

    def describe(self) -> list[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics that are not counted in this process."""
        yield _by_state(
            "testbed_agents",
            "Agents of this namespace by operational state.",
            "operational_state",
            agents.by_state(settings.TESTBED_NAMESPACE),
            OperationalState,
        )
        own = WorkflowExecution.objects.filter(namespace=settings.TESTBED_NAMESPACE)
        yield _by_state(
            "testbed_executions",
            "Workflow executions of this namespace by status.",
            "status",
            counting.by(own, "status"),
            ExecutionStatus,
        )
        letters = open_letters().count()
        yield _gauge("testbed_dead_letters", "Dead letters that nobody has dealt with.", letters)
        yield from _recorder()


def _recorder() -> Iterator[Metric]:
    status = RecorderStatus.objects.first()
    if status is not None:
        for name, text in (
            ("messages_recorded", "Messages stored."),
            ("duplicates", "Deliveries of messages that were stored already."),
            ("foreign_messages", "Messages of other namespaces, dropped."),
            ("malformed", "Messages that nobody understands, kept as dead letters."),
        ):
            yield _counter(f"testbed_recorder_{name}", text, getattr(status, name))
        yield _gauge("testbed_recorder_rate", "Messages a second, lately.", status.rate)
        yield _gauge(
            "testbed_recorder_lag_seconds", "Sending to commit, of the last batch.", status.lag_s
        )
        yield _gauge(
            "testbed_recorder_updated_timestamp_seconds",
            "When the recorder was last at work.",
            status.updated_at.timestamp(),
        )
    try:
        queues = control().queue_depths(f"Consumer.{settings.TESTBED_NAMESPACE}-{RECORDER}.>")
    except NoAnswer:
        return
    depth = sum(queue["depth"] for queue in queues)
    yield _gauge("testbed_recorder_waiting", "Messages that wait for the recorder.", depth)


def _by_state(name: str, text: str, field: str, counts: Any, states: Any) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=[field])
    for state in states:
        metric.add_metric([state.value], counts.get(state.value, 0))
    return metric


def _gauge(name: str, text: str, value: float) -> Metric:
    metric = GaugeMetricFamily(name, text)
    metric.add_metric([], value)
    return metric


def _counter(name: str, text: str, value: float) -> Metric:
    metric = CounterMetricFamily(name, text)
    metric.add_metric([], value)
    return metric


registry.register(StoredFacts())


def exposition() -> bytes:
    """The text that Prometheus scrapes; asks the database and the broker."""
    return generate_latest(registry)


class Observed:
    """Counts the requests that an application beside Django answers.

    :param route: what they are counted as
    """

    def __init__(self, app: ASGIApp, route: str) -> None:
        self._app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        method = scope["method"] if scope["method"] in METHODS else "other"
        counted = False

        def count(status: int) -> None:
            nonlocal counted
            if not counted:
                counted = True
                observe(method, self._route, status, time.perf_counter() - started)

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except HTTPException as refusal:
            count(refusal.status_code)
            raise
        except DatabaseError:
            count(503)
            raise
        finally:
            count(NO_ANSWER)
