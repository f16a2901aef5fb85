"""Addresses that Django answers; those that are answered before it are in `monitor.asgi`."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from monitor.api import (
    agents,
    fast_processing,
    functions,
    logs,
    messages,
    runs,
    stages,
    workflows,
)
from monitor.api.executions import ExecutionViewSet
from monitor.api.queues import QueueViewSet
from monitor.api.slice_results import RunHistogramsViewSet, slice_results
from monitor.api.supervised import SupervisedAgentViewSet

redoc = SpectacularRedocView.as_view(template_name="pages/redoc.html")
router = DefaultRouter(use_regex_path=True)
router.register("systemagents", agents.AgentViewSet)
router.register("supervised-agents", SupervisedAgentViewSet, basename="supervised-agents")
router.register("agent-state-changes", agents.StateChangeViewSet)
router.register("namespaces", agents.NamespaceViewSet)
router.register("subscribers", agents.SubscriberViewSet)
router.register("runs", runs.RunViewSet)
router.register("run-states", runs.RunStateViewSet)
router.register("stf-files", runs.StfFileViewSet)
router.register("fastmon-files", fast_processing.FastMonFileViewSet)
router.register("tf-slices", fast_processing.TFSliceViewSet)
router.register("run-histograms", RunHistogramsViewSet)
router.register("workers", fast_processing.WorkerViewSet)
router.register("system-state-events", fast_processing.EventViewSet)
router.register("stage-records", stages.StageRecordViewSet)
router.register("workflow-definitions", workflows.DefinitionViewSet)
router.register("workflow-executions", ExecutionViewSet)
router.register("workflow-messages", messages.MessageViewSet)
router.register("dead-letters", messages.DeadLetterViewSet)
router.register("queues", QueueViewSet, basename="queues")
router.register("logs", logs.LogViewSet)


def list_address(name: str, view: Any) -> URLPattern:
    """The address of a list that also takes changes of many records."""
    verbs = {"get": "list", "post": "create", "patch": "change_many"}
    address: URLPattern = path(f"{name}/", view.as_view(verbs, detail=False))
    return address


api: list[URLPattern | URLResolver] = [
    list_address("stf-files", runs.StfFileViewSet),
    list_address("fastmon-files", fast_processing.FastMonFileViewSet),
    list_address("tf-slices", fast_processing.TFSliceViewSet),
    path("tf-slices/results/", slice_results),
    path("files/needed/", stages.files_needed),
    path("state/", functions.state),
    path("state/next-agent-id/", functions.next_agent_id),
    path("state/next-run-number/", functions.next_run_number),
    path("state/next-workflow-execution-id/", functions.next_workflow_execution_id),
    path("messages/stream/status/", functions.stream_status),
    path("readiness/", functions.readiness),
    path("backlog/", functions.backlog),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("schema/swagger-ui/", SpectacularSwaggerView.as_view(), name="swagger-ui"),
    path("schema/redoc/", redoc, name="redoc"),
    path("", include(router.urls)),
]

handler404 = "monitor.access.failures.not_found"
handler500 = "monitor.access.failures.failed"
urlpatterns = [
    path("api/", include(api)),
    path("admin/", admin.site.urls),
    path("", include("monitor.pages.urls")),
]
