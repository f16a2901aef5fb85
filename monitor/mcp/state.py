"""The state of the whole testbed at one moment."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from pydantic import Field

from monitor.control.commands import control
from monitor.mcp.lists import Record
from monitor.mcp.texts import Untrusted, UntrustedJson
from monitor.records.models import (
    PersistentState,
    RunState,
    SystemStateEvent,
    WorkflowExecution,
)
from monitor.records.queries import logs, messages, testbed
from monitor.records.queries.agents import by_state
from monitor.records.queries.counting import COUNTED, capped_count
from monitor.records.queries.verdict import NO_RUNNER, RUNNER, healthy, judge
from monitor.records.queries.verdict import obstacle as obstacle_of
from swf_common.protocol.message import UtcTime, utc_now
from swf_common.protocol.states import ExecutionStatus

START_RUNNER = f": start_supervised_agent('{RUNNER}')"
RUN_STATES = 5
EVENTS = 10


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
    verdict: str = Field(
        description="the overview's first word: ready, running, degraded or not ready"
    )
    troubles: list[Untrusted] = Field(
        description="what is wrong, each with what to do on the host; empty unless degraded"
    )
    ready_to_run: bool = Field(description="start_workflow would find an idle runner")
    not_ready_because: str | None
    broker_connected: bool
    supervisor_enabled: bool = Field(description="agents can be started, stopped and killed")
    agents: AgentCounts
    executions: ExecutionCounts
    messages_last_10min: int = Field(description=f"among the newest {messages.RATE_ROWS} messages")
    errors_last_hour: int = Field(description=f"log records of ERROR and above, to {COUNTED}")
    dead_letters: int = Field(description="messages that no agent could handle, still open")
    run_states: list[RunStateSummary] = Field(description=f"the {RUN_STATES} highest run numbers")
    recent_events: list[Event] = Field(description=f"the newest {EVENTS}")
    persistent_state: UntrustedJson


def system_state() -> SystemState:
    """The state of this moment, from the database and the monitor's own connection."""
    now = utc_now()
    namespace = settings.TESTBED_NAMESPACE
    seen = testbed.snapshot(now, broker_connected=control().connected)
    verdict, obstacle = judge(seen), obstacle_of(seen)
    total = sum(by_state(namespace).values())
    able = len(healthy(seen))
    hour_ago = now - timedelta(hours=1)
    counters = PersistentState.objects.first()
    return SystemState(
        timestamp=now,
        namespace=namespace,
        verdict=verdict.word,
        troubles=verdict.troubles,
        ready_to_run=obstacle is None,
        not_ready_because=f"{obstacle}{START_RUNNER}" if obstacle == NO_RUNNER else obstacle,
        broker_connected=seen.broker_connected,
        supervisor_enabled=settings.TESTBED_SUPERVISOR,
        agents=AgentCounts(
            total=total,
            active=len(seen.agents),
            exited=total - len(seen.agents),
            healthy=able,
            unhealthy=len(seen.agents) - able,
        ),
        executions=ExecutionCounts(
            running=[one.execution_id for one in seen.running[:100]],
            completed_last_hour=WorkflowExecution.objects.filter(
                namespace=namespace, status=ExecutionStatus.COMPLETED, end_time__gte=hour_ago
            ).count(),
        ),
        messages_last_10min=sum(messages.recent_counts(now)),
        errors_last_hour=capped_count(logs.errors(hour_ago))[0],
        dead_letters=seen.dead_letters,
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
