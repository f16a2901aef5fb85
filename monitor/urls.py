"""Addresses of the monitor."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import DefaultRouter

from monitor.api import functions, views
from monitor.api.executions import ExecutionViewSet

router = DefaultRouter(use_regex_path=True)
router.register("systemagents", views.AgentViewSet)
router.register("namespaces", views.NamespaceViewSet)
router.register("runs", views.RunViewSet)
router.register("run-states", views.RunStateViewSet)
router.register("stf-files", views.StfFileViewSet)
router.register("workflow-definitions", views.DefinitionViewSet)
router.register("workflow-executions", ExecutionViewSet)
router.register("workflow-messages", views.MessageViewSet)
router.register("dead-letters", views.DeadLetterViewSet)
router.register("logs", views.LogViewSet)

stf_files = views.StfFileViewSet.as_view(
    {"get": "list", "post": "create", "patch": "change_many"}, detail=False
)

api: list[URLPattern | URLResolver] = [
    path("stf-files/", stf_files),
    path("state/next-agent-id/", functions.next_agent_id),
    path("state/next-run-number/", functions.next_run_number),
    path("state/next-workflow-execution-id/", functions.next_workflow_execution_id),
    path("readiness/", functions.readiness),
    path("backlog/", functions.backlog),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("", include(router.urls)),
]

urlpatterns = [
    path("api/", include(api)),
    path("healthz", functions.healthz),
    path("readyz", functions.readyz),
]
