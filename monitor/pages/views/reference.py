"""The pages of what others refer to: workflow definitions, namespaces, subscribers."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from monitor.pages.access import readers
from monitor.pages.cells import Cell
from monitor.pages.links import listed
from monitor.pages.lists.agents import NAMESPACES, SUBSCRIBERS
from monitor.pages.lists.workflows import DEFINITIONS
from monitor.pages.views.record_page import demand_storable, found, record_page
from monitor.records.models import (
    Namespace,
    Subscriber,
    SystemAgent,
    WorkflowDefinition,
    WorkflowExecution,
    WorkflowMessage,
)


@readers
def definition(request: HttpRequest, number: int) -> HttpResponse:
    """A definition."""
    row = found(WorkflowDefinition.objects.all(), "definition", pk=number)
    return record_page(
        request,
        DEFINITIONS,
        f"{row.workflow_name} {row.version}",
        [
            ("Type", Cell(row.workflow_type)),
            ("By", Cell(row.created_by)),
            ("Created", Cell(row.created_at, "time")),
            ("Executions", Cell(row.executions.count(), "number")),
        ],
        related=[
            ("Executions of this workflow", listed("executions", workflow_name=row.workflow_name)),
            ("Its versions", listed("definitions", workflow_name=row.workflow_name)),
        ],
        documents=[("Parameters", row.parameter_values)],
        template="pages/definition.html",
        # pygments escapes what it is given
        source=highlight(row.definition, PythonLexer(), HtmlFormatter(cssclass="highlight")),
    )


@readers
def namespace(request: HttpRequest, name: str) -> HttpResponse:
    """A namespace; also one that nobody has announced, as long as something has used it."""
    row = Namespace.objects.filter(name=demand_storable(name)).first()
    users: tuple[Any, ...] = (SystemAgent, WorkflowExecution, WorkflowMessage)
    if row is None and not any(model.objects.filter(namespace=name).exists() for model in users):
        raise Http404(f"nothing has used the namespace {name}")
    return record_page(
        request,
        NAMESPACES,
        name,
        [
            ("Owner", Cell(row.owner if row else "nobody has announced it")),
            ("Description", Cell(row.description if row else None, "long")),
            ("Agents", Cell(SystemAgent.objects.filter(namespace=name).count(), "number")),
            (
                "Executions",
                Cell(WorkflowExecution.objects.filter(namespace=name).count(), "number"),
            ),
            ("Announced", Cell(row.created_at if row else None, "time")),
            ("Changed", Cell(row.updated_at if row else None, "time")),
        ],
        related=[
            ("Agents", listed("agents", namespace=name)),
            ("Executions", listed("executions", namespace=name)),
            ("Messages", listed("messages", namespace=name)),
            ("Logs", listed("logs", namespace=name)),
        ],
        documents=[("Metadata", row.metadata if row else None)],
    )


@readers
def subscriber(request: HttpRequest, number: int) -> HttpResponse:
    """A subscriber."""
    row = found(Subscriber.objects.all(), "subscriber", pk=number)
    return record_page(
        request,
        SUBSCRIBERS,
        row.subscriber_name,
        [
            ("Description", Cell(row.description, "long")),
            ("Delivery", Cell(row.delivery_type)),
            ("Active", Cell(row.is_active, "flag")),
            ("Fraction", Cell(row.fraction, "number")),
            ("Client", Cell(row.client_ip, "code")),
            ("Location", Cell(row.client_location)),
            ("Messages received", Cell(row.messages_received, "number")),
            ("Messages sent", Cell(row.messages_sent, "number")),
            ("Messages dropped", Cell(row.messages_dropped, "number")),
            ("Connected", Cell(row.connected_at, "time")),
            ("Disconnected", Cell(row.disconnected_at, "time")),
            ("Last activity", Cell(row.last_activity, "time")),
            ("Created", Cell(row.created_at, "time")),
        ],
        documents=[("Filters", row.message_filters)],
    )
