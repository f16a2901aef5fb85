"""The page of a workflow definition."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from monitor.pages.access import readers
from monitor.pages.cells import Cell
from monitor.pages.links import listed
from monitor.pages.lists.workflows import DEFINITIONS
from monitor.pages.views.record_page import record_page, row_or_404
from monitor.records.models import WorkflowDefinition


@readers
def definition(request: HttpRequest, number: int) -> HttpResponse:
    """A definition."""
    row = row_or_404(WorkflowDefinition.objects.all(), "definition", pk=number)
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
