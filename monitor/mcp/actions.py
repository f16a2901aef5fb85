"""Tools of the category Actions: starting and stopping workflows."""

from __future__ import annotations

import time
from typing import Annotated, Any

from django.conf import settings
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, WithJsonSchema

from monitor.control import workflows as control
from monitor.control.workflow_files import parameter_schemas
from monitor.mcp.callers import Operator
from monitor.mcp.lists import Record, given
from monitor.mcp.texts import Untrusted
from monitor.mcp.tools import or_else
from monitor.mcp.workflows import ExecutionId, execution_row
from monitor.records.queries.verdict import RUNNER
from swf_common.protocol.message import UtcTime

END_TIMEOUT_S = 10.0
"""Seconds for which `stop_workflow` waits for the execution's end."""
POLL_S = 0.2
SCHEMAS = parameter_schemas(settings.TESTBED_WORKFLOWS)
"""What the workflows' models say; the runner checks the values, with one wording for everybody."""


def schema_of(name: str) -> dict[str, Any]:
    """The schema of an argument that may be left out."""
    schema = SCHEMAS.get(name, {})
    return {**schema, "type": [schema.get("type", "number"), "null"]}


def numeric(name: str, value: Any) -> Any:
    """A number that a client sent as a text; what is no number stays, and is refused."""
    if not isinstance(value, str) or SCHEMAS.get(name, {}).get("type") not in ("integer", "number"):
        return value
    try:
        return float(value) if set(value) & set(".e") else int(value)
    except ValueError:
        return value


class Started(Record):
    """A workflow that the runner has started."""

    execution_id: str
    run_id: str | None
    namespace: str
    workflow_name: str
    next: str = Field(description="what to call next")


class Stopped(Record):
    """A workflow that the runner is stopping, or has stopped."""

    execution_id: str
    ended: bool = Field(description="whether its end was seen")
    status: str
    reason: Untrusted
    end_time: UtcTime | None
    next: str = Field(description="what to call next")


def start_workflow(
    workflow_name: Annotated[
        str,
        Field(
            max_length=200,
            pattern=r"^[A-Za-z0-9_-]+$",
            description="such as stf_datataking; see list_workflow_definitions",
        ),
    ],
    caller: Operator,
    namespace: Annotated[
        str | None, Field(description="the testbed's own, or nothing: it has only that one")
    ] = None,
    config: Annotated[
        str | None,
        Field(
            max_length=200,
            pattern=r"^[A-Za-z0-9_.-]+$",
            description="the configuration, such as fast_processing_default; default: the "
            "workflow's own",
        ),
    ] = None,
    realtime: Annotated[
        bool, Field(description="false: as fast as possible instead of in real time")
    ] = True,
    duration: Annotated[
        float, Field(ge=0, le=1e9, description="simulated seconds; 0: until the workflow ends")
    ] = 0,
    parameters: Annotated[
        dict[str, Any] | None,
        WithJsonSchema(
            {
                "type": "object",
                "description": "parameters of the workflow; a configuration has only some of them",
                "properties": SCHEMAS,
                "additionalProperties": False,
            }
        ),
    ] = None,
    stf_count: Annotated[Any, WithJsonSchema(schema_of("stf_count"))] = None,
    physics_period_count: Annotated[Any, WithJsonSchema(schema_of("physics_period_count"))] = None,
    physics_period_duration: Annotated[
        Any, WithJsonSchema(schema_of("physics_period_duration"))
    ] = None,
    stf_interval: Annotated[Any, WithJsonSchema(schema_of("stf_interval"))] = None,
) -> Started:
    """Start a workflow and wait for the runner's answer, some seconds.

    The answer has the execution id; an error says why nothing was started, for instance that
    another workflow runs, or that the command was sent and not answered: then the workflow may
    run, so look before you start it again. What is not given keeps the configuration's value. One
    runner runs one workflow at a time. Needs the role operator. Next:
    get_workflow_monitor(execution_id).
    """
    parameters = parameters or {}
    if {namespace, parameters.pop("namespace", None)} - {None, settings.TESTBED_NAMESPACE}:
        raise ToolError(
            f"This testbed serves the namespace {settings.TESTBED_NAMESPACE} only; leave "
            "namespace out."
        )
    params: dict[str, Any] = parameters | given(
        stf_count=stf_count,
        physics_period_count=physics_period_count,
        physics_period_duration=physics_period_duration,
        stf_interval=stf_interval,
    )
    next_step = (
        "list_workflow_executions(currently_running=true) for what runs, "
        f"list_supervised_agents for the {RUNNER}"
    )
    with or_else(next_step):
        reply = control.start(
            caller.name,
            workflow_name=workflow_name,
            config=config,
            realtime=realtime,
            duration=duration,
            params={name: numeric(name, value) for name, value in params.items()},
        )
    execution_id = str(reply.execution_id)
    return Started(
        execution_id=execution_id,
        run_id=reply.run_id,
        namespace=settings.TESTBED_NAMESPACE,
        workflow_name=workflow_name,
        next=f"get_workflow_monitor(execution_id='{execution_id}')",
    )


def stop_workflow(execution_id: ExecutionId, caller: Operator) -> Stopped:
    """Stop a running workflow gracefully, and see its end if that comes within 10 seconds.

    The run is closed with end_run, the execution becomes `terminated` with an end time; agents
    finish the files that they have. An error says why it cannot be stopped. When nobody runs it
    any more use end_execution. Needs the role operator.
    """
    row = execution_row(execution_id)
    if row.end_time is not None:
        raise ToolError(f"{execution_id} has ended already: it is {row.status}.")
    with or_else("get_workflow_monitor; end_execution when nobody runs it any more"):
        control.stop(caller.name, execution_id)
    limit = time.monotonic() + END_TIMEOUT_S
    while row.end_time is None and time.monotonic() < limit:
        time.sleep(POLL_S)
        row = execution_row(execution_id)
    return Stopped(
        execution_id=execution_id,
        ended=row.end_time is not None,
        status=row.status,
        reason=row.reason,
        end_time=row.end_time,
        next=f"get_workflow_monitor(execution_id='{execution_id}')",
    )


READING = ()
ACTING = (start_workflow, stop_workflow)
