"""Executions and workflow definitions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from monitor.records.models import WorkflowDefinition, WorkflowExecution
from monitor.records.queries.agents import present
from monitor.records.queries.counting import number_of
from swf_common.protocol.message import utc_now
from swf_common.protocol.states import ExecutionStatus


def executions() -> QuerySet[WorkflowExecution]:
    """All of them, each with its definition but for the source."""
    rows = WorkflowExecution.objects.select_related("workflow_definition")
    return rows.defer("workflow_definition__definition")


def running(**wanted: Any) -> QuerySet[WorkflowExecution]:
    """Those that run, the oldest first.

    :param wanted: further conditions, `namespace` say
    """
    rows = executions().filter(status=ExecutionStatus.RUNNING, **wanted)
    return rows.order_by("start_time", "execution_id")


def of_run(run_number: int) -> WorkflowExecution | None:
    """The execution that a run belongs to."""
    return executions().filter(run_number=run_number).first()


def orphaned(execution: WorkflowExecution) -> bool:
    """Whether it is not ended and nobody runs it any more."""
    runner = present(instance_name=execution.runner_instance)
    return execution.end_time is None and not runner.exists()


def definitions() -> QuerySet[WorkflowDefinition]:
    """All of them without their source, each with its `execution_count`."""
    return WorkflowDefinition.objects.defer("definition", "parameter_values").annotate(
        execution_count=number_of(WorkflowExecution, "workflow_definition")
    )


def seconds_of(row: Any, now: datetime | None = None) -> float:
    """How long an execution or a run took, or has taken so far."""
    spent: float = ((row.end_time or now or utc_now()) - row.start_time).total_seconds()
    return spent
