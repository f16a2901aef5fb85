"""Tools of the category Workflows: definitions, executions, and how far one has come."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from monitor.control import draining
from monitor.control import workflows as control
from monitor.mcp.callers import Operator
from monitor.mcp.lists import Few, Item, Page, Record, given, made, one_of, page
from monitor.mcp.messages import LogSummary
from monitor.mcp.texts import Untrusted, UntrustedBrief, UntrustedJson
from monitor.mcp.times import End, Start, window
from monitor.mcp.tools import or_else, row_or_error
from monitor.records.models import (
    AppLog,
    WorkflowExecution,
)
from monitor.records.queries.executions import definitions, executions, seconds_of
from monitor.records.queries.progress import progress_of
from swf_common.protocol.message import UtcTime
from swf_common.protocol.states import ExecutionStatus

DAY = timedelta(hours=24)
ERRORS = 10
ExecutionId = Annotated[str, Field(description="from list_workflow_executions")]


class Definition(Record):
    """A workflow's source under a name and version; never changed once it is recorded."""

    workflow_name: str
    version: str
    workflow_type: str
    created_by: str
    created_at: UtcTime
    execution_count: int


class ExecutionSummary(Record):
    """An execution of a workflow."""

    execution_id: str
    workflow_name: str
    namespace: str | None
    status: str = Field(description="pending, running, completed, failed or terminated")
    reason: Untrusted = Field(description="why it ended; empty before")
    executed_by: str
    start_time: UtcTime
    end_time: UtcTime | None = Field(description="null while it runs")
    run_number: int | None = Field(description="for get_run, list_stf_files and list_tf_slices")
    parameter_values: UntrustedBrief


class Execution(ExecutionSummary):
    """All that is known of an execution."""

    parameter_values: UntrustedJson
    performance_metrics: UntrustedJson
    runner_instance: str


class Counts(Record):
    """STF files of an execution."""

    generated: int
    registered: int
    processed: int
    failed: int


class Monitor(Record):
    """How far an execution has come, and what went wrong."""

    execution_id: str
    status: str
    reason: Untrusted
    phase: str = Field(description="unknown, imminent, running, paused or ended: the DAQ's run")
    run_number: int | None
    start_time: UtcTime
    end_time: UtcTime | None
    duration_seconds: float = Field(description="until its end, or until now")
    stf: Counts
    total_stf_files: int | None = Field(description="what end_run said; null while the run is open")
    tf_files: int
    slices: dict[str, int]
    stages: dict[str, dict[str, int]] = Field(
        description="per stage of the agents that take part, as stf.processed: how many STFs, TFs "
        "or slices came to their end there, done and failed"
    )
    messages: int = Field(description="recorded messages of the execution")
    dead_letters: int = Field(description="messages that no agent could handle")
    drained: bool = Field(
        description="ended, and all that the run made is accounted for: STFs, samples, slices, "
        "queues. `open` says what is not"
    )
    open: list[str] = Field(description="what is not accounted for yet; empty when drained")
    verdict: Untrusted = Field(
        description="of testbed run, in one line; empty while it is not given or nobody gives it"
    )
    exit_code: int | None = Field(description="of testbed run: 0 passed; null without a verdict")
    incidents: list[Untrusted] = Field(
        description="deaths, pauses and outages of parts of the testbed during the run"
    )
    errors: list[LogSummary] = Field(description=f"the newest {ERRORS} log records of ERROR")
    last_log_lines: list[LogSummary] = Field(description="newest first")


def list_workflow_definitions(
    workflow_type: Annotated[str | None, Field(description="exactly this type")] = None,
    created_by: Annotated[str | None, Field(description="exactly this user")] = None,
    limit: Few = 100,
) -> Page[Definition]:
    """Workflows that have run here, newest first, with how often. `workflow_name` is what
    start_workflow takes; a workflow that has never run is not listed but can be started.
    """
    rows = definitions().filter(**given(workflow_type=workflow_type, created_by=created_by))
    return page(rows.order_by("-id"), limit, Definition)


def list_workflow_executions(
    namespace: Annotated[str | None, Field(description="exactly this namespace")] = None,
    status: Annotated[
        str | None,
        Field(description="pending, running, completed, failed or terminated, in any case"),
    ] = None,
    executed_by: Annotated[str | None, Field(description="exactly this user")] = None,
    workflow_name: Annotated[str | None, Field(description="exactly this workflow")] = None,
    currently_running: Annotated[
        bool, Field(description="only those that run now, whenever they started")
    ] = False,
    start_time: Start = None,
    end_time: End = None,
    limit: Few = 100,
) -> Page[ExecutionSummary]:
    """Executions, newest start first; by default those that started in the last 24 hours.

    Next: get_workflow_monitor for how one is doing, get_workflow_execution for all its facts,
    list_logs(execution_id=...) and list_messages(execution_id=...) for what it said.
    """
    rows = executions().filter(
        **given(
            namespace=namespace,
            executed_by=executed_by,
            workflow_definition__workflow_name=workflow_name,
        )
    )
    if currently_running:
        rows = rows.filter(status=ExecutionStatus.RUNNING)
    else:
        rows = rows.filter(**window(start_time, end_time, DAY).of("start_time"))
        if status is not None:
            rows = rows.filter(status=one_of(status, ExecutionStatus))
    return page(
        rows.order_by("-start_time", "execution_id"),
        limit,
        ExecutionSummary,
        lambda row: _record(row, ExecutionSummary),
    )


def get_workflow_execution(execution_id: ExecutionId) -> Execution:
    """All facts of one execution, its whole configuration (`parameter_values`) included.

    Next: get_workflow_monitor for its progress and errors.
    """
    return _record(execution_row(execution_id), Execution)


def get_workflow_monitor(
    execution_id: ExecutionId,
    log_lines: Annotated[int, Field(ge=0, le=100, description="log records to show")] = 10,
) -> Monitor:
    """How one execution is doing: progress, the phase of its run, errors, last log records.

    Call it again, some seconds apart, to follow an execution; it has ended when `end_time` is
    there, and everything is done when `drained` is true. What `open` lists does not get less when
    the agent that should do it is gone: see list_agents. To stop it: stop_workflow.
    """
    execution = execution_row(execution_id)
    progress = progress_of(execution)
    missing = draining.open_items_of(execution, progress)
    report = draining.report_of(execution)
    logs = AppLog.objects.filter(execution_id=execution_id).order_by("-id")
    return Monitor(
        execution_id=execution_id,
        status=execution.status,
        reason=execution.reason,
        phase=progress["daq_phase"],
        run_number=execution.run_number,
        start_time=execution.start_time,
        end_time=execution.end_time,
        duration_seconds=round(seconds_of(execution), 3),
        stf=Counts(**progress["stf"]),
        total_stf_files=progress["total_stf_files"],
        tf_files=progress["tf_files"],
        slices=progress["slices"],
        stages=progress["stages"],
        messages=progress["messages"],
        dead_letters=progress["dead_letters"],
        drained=not missing,
        open=missing,
        verdict=report.verdict,
        exit_code=report.exit_code,
        incidents=report.incidents,
        errors=[
            LogSummary.model_validate(row) for row in logs.filter(level__gte=logging.ERROR)[:ERRORS]
        ],
        last_log_lines=[LogSummary.model_validate(row) for row in logs[:log_lines]],
    )


def end_execution(execution_id: ExecutionId, caller: Operator) -> Execution:
    """Record an execution as `terminated` that nobody runs any more; changes the record only.

    For an orphan: one that is `running` although its runner is gone. While its runner is alive
    this is refused; use stop_workflow then. Needs the role operator.
    """
    with or_else("get_workflow_execution, or stop_workflow while it runs"):
        control.end(caller.name, execution_id)
    return get_workflow_execution(execution_id)


def execution_row(execution_id: str) -> WorkflowExecution:
    """The row of an execution.

    :raises ToolError: there is none
    """
    rows = executions().filter(execution_id=execution_id)
    row: WorkflowExecution = row_or_error(
        rows, "execution", execution_id, "list_workflow_executions"
    )
    return row


def _record(row: WorkflowExecution, kind: type[Item]) -> Item:
    return made(kind, row, workflow_name=row.workflow_definition.workflow_name)


READING = (
    list_workflow_definitions,
    list_workflow_executions,
    get_workflow_execution,
    get_workflow_monitor,
)
ACTING = (end_execution,)
