"""Lists of executions, of the definitions that they execute, and of their runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.api.filters import DefinitionFilter, ExecutionFilter, RunFilter
from monitor.pages.cells import Column
from monitor.pages.links import listed, to
from monitor.pages.lists.agents import known_namespaces
from monitor.pages.lists.listing import Listing
from monitor.records.models import WorkflowDefinition, WorkflowExecution
from monitor.records.queries.data import runs
from monitor.records.queries.executions import definitions, executions, seconds_of
from swf_common.protocol.json_values import as_object


def known_workflows() -> Sequence[str]:
    names = WorkflowDefinition.objects.order_by("workflow_name")
    return list(names.values_list("workflow_name", flat=True).distinct())


def _generated(execution: WorkflowExecution) -> Any:
    return as_object(execution.performance_metrics).get("stf_generated")


EXECUTIONS = Listing(
    name="executions",
    title="Executions",
    about="Each run of a workflow, with what became of it.",
    rows=lambda: executions().defer("parameter_values"),
    columns=(
        Column(
            "Execution",
            "execution_id",
            link=lambda e: to("execution", e.execution_id),
            sort="execution_id",
        ),
        Column("Status", "status", "state", sort="status"),
        Column("Started", "start_time", "time", sort="start_time"),
        Column("Time", seconds_of, "duration"),
        Column("Run", "run_number", "code", link=lambda e: to("run", e.run_number)),
        Column("STFs", _generated, "number"),
        Column(
            "Workflow",
            lambda e: f"{e.workflow_definition.workflow_name} {e.workflow_definition.version}",
            link=lambda e: to("definition", e.workflow_definition_id),
        ),
        Column("By", "executed_by", sort="executed_by"),
        Column(
            "Namespace", "namespace", link=lambda e: listed("executions", namespace=e.namespace)
        ),
        Column("Reason", "reason", "long"),
    ),
    filters=ExecutionFilter,
    offered=("status", "workflow_name", "executed_by", "namespace", "since", "until"),
    order="-start_time",
    live="message,agent",
    suggestions={"workflow_name": known_workflows, "namespace": known_namespaces},
)

DEFINITIONS = Listing(
    name="definitions",
    title="Definitions",
    about="The source of every workflow that was executed; another source is another version.",
    rows=definitions,
    columns=(
        Column(
            "Workflow",
            "workflow_name",
            link=lambda d: to("definition", d.pk),
            sort="workflow_name",
        ),
        Column("Version", "version", "code", link=lambda d: to("definition", d.pk)),
        Column("Type", "workflow_type", sort="workflow_type"),
        Column(
            "Executions",
            "execution_count",
            "number",
            link=lambda d: listed("executions", workflow_name=d.workflow_name),
        ),
        Column("By", "created_by", sort="created_by"),
        Column("Created", "created_at", "time", sort="id"),
    ),
    filters=DefinitionFilter,
    offered=("workflow_name", "workflow_type", "created_by"),
    order="-id",
    suggestions={"workflow_name": known_workflows},
)

RUNS = Listing(
    name="runs",
    title="Runs",
    about="Runs of the DAQ; each belongs to an execution.",
    rows=runs,
    columns=(
        Column(
            "Run", "run_number", "code", link=lambda r: to("run", r.run_number), sort="run_number"
        ),
        Column("State", lambda r: "ended" if r.end_time else "running", "state"),
        Column("Started", "start_time", "time", sort="start_time"),
        Column("Ended", "end_time", "time"),
        Column("Time", seconds_of, "duration"),
        Column(
            "STF files",
            "stf_file_count",
            "number",
            link=lambda r: listed("stf-files", run_number=r.run_number),
        ),
        Column("Histograms", lambda r: "show", link=lambda r: to("histograms", r.run_number)),
    ),
    filters=RunFilter,
    offered=("run_number", "active"),
    order="-start_time",
    choices={"active": (("true", "open"), ("false", "ended"))},
)
