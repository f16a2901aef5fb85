"""The state of the whole testbed at one moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from pydantic import Field

from monitor.control.commands import control
from monitor.mcp.lists import COUNTED, Record
from monitor.mcp.texts import UntrustedJson
from monitor.records.freshness import is_fresh
from monitor.records.models import (
    AppLog,
    DeadLetter,
    PersistentState,
    RunState,
    SystemAgent,
    SystemStateEvent,
    WorkflowExecution,
    WorkflowMessage,
)
from swf_common.protocol.message import UtcTime, utc_now
from swf_common.protocol.states import AgentStatus, ExecutionStatus, OperationalState

RUNNER = "workflow-runner"
"""The program that runs workflows."""
ABLE = (OperationalState.READY, OperationalState.PROCESSING)
RUN_STATES = 5
EVENTS = 10
ERROR_LEVEL = 40


class AgentCounts(Record):
    """Agent instances of this testbed."""

    total: int
    active: int = Field(description="not EXITED")
    exited: int
    healthy: int = Field(description="READY or PROCESSING, status OK, fresh heartbeat")
    unhealthy: int = Field(description="active and not healthy")


class ExecutionCounts(Record):
    """Executions of this testbed."""

    running: list[str] = Field(description="execution ids")
    completed_last_hour: int


class RunStateSummary(Record):
    """Where a run is."""

    run_number: int
    phase: str
    state: str
    substate: str | None
    active_worker_count: int
    target_worker_count: int
    slices_queued: int
    slices_processing: int
    slices_completed: int
    slices_failed: int


class Event(Record):
    """An event of the system's state."""

    timestamp: UtcTime
    run_number: int
    event_type: str
    state: str


class SystemState(Record):
    """How the testbed is."""

    timestamp: UtcTime
    namespace: str = Field(description="the testbed's own")
    ready_to_run: bool = Field(description="start_workflow would find an idle runner")
    not_ready_because: str | None
    broker_connected: bool
    supervisor_enabled: bool = Field(description="agents can be started, stopped and killed")
    agents: AgentCounts
    executions: ExecutionCounts
    messages_last_10min: int = Field(description=f"counted to {COUNTED}")
    errors_last_hour: int = Field(description=f"log records of ERROR and above, to {COUNTED}")
    dead_letters: int = Field(description="messages that no agent could handle, still open")
    run_states: list[RunStateSummary] = Field(description=f"the {RUN_STATES} highest run numbers")
    recent_events: list[Event] = Field(description=f"the newest {EVENTS}")
    persistent_state: UntrustedJson


def system_state() -> SystemState:
    """The state of this moment, from the database and the monitor's own connection."""
    now = utc_now()
    namespace = settings.TESTBED_NAMESPACE
    agents = SystemAgent.objects.filter(namespace=namespace)
    active = agents.exclude(operational_state=OperationalState.EXITED)
    healthy = [
        row["program"]
        for row in active.filter(operational_state__in=ABLE, status=AgentStatus.OK).values(
            "program", "last_heartbeat", "heartbeat_interval"
        )
        if is_fresh(row["last_heartbeat"], row["heartbeat_interval"], now)
    ]
    total, alive = agents.count(), active.count()
    executions = WorkflowExecution.objects.filter(namespace=namespace)
    running = list(
        executions.filter(status=ExecutionStatus.RUNNING).values_list("execution_id", flat=True)
    )
    hour_ago = now - timedelta(hours=1)
    obstacle = _obstacle(healthy, running)
    counters = PersistentState.objects.first()
    return SystemState(
        timestamp=now,
        namespace=namespace,
        ready_to_run=obstacle is None,
        not_ready_because=obstacle,
        broker_connected=control().connected,
        supervisor_enabled=settings.TESTBED_SUPERVISOR,
        agents=AgentCounts(
            total=total,
            active=alive,
            exited=total - alive,
            healthy=len(healthy),
            unhealthy=alive - len(healthy),
        ),
        executions=ExecutionCounts(
            running=running[:100],
            completed_last_hour=executions.filter(
                status=ExecutionStatus.COMPLETED, end_time__gte=hour_ago
            ).count(),
        ),
        messages_last_10min=_counted(
            WorkflowMessage.objects.filter(sent_at__gte=now - timedelta(minutes=10))
        ),
        errors_last_hour=_counted(
            AppLog.objects.filter(level__gte=ERROR_LEVEL, timestamp__gte=hour_ago)
        ),
        dead_letters=DeadLetter.objects.filter(resolution="open").count(),
        run_states=[
            RunStateSummary.model_validate(row)
            for row in RunState.objects.order_by("-run_number")[:RUN_STATES]
        ],
        recent_events=[
            Event.model_validate(row)
            for row in SystemStateEvent.objects.order_by("-event_id")[:EVENTS]
        ],
        persistent_state=counters.state_data if counters else {},
    )


def _obstacle(healthy_programs: list[str | None], running: list[str]) -> str | None:
    """Why a workflow cannot be started now; None when it can."""
    if running:
        return f"{running[0]} is running, and a runner runs one workflow at a time"
    if not control().connected:
        return "the monitor has no connection to the broker"
    if RUNNER not in healthy_programs:
        return f"no {RUNNER} is READY: start_supervised_agent('{RUNNER}')"
    return None


def _counted(rows: Any) -> int:
    count: int = rows.order_by()[:COUNTED].count()
    return count
