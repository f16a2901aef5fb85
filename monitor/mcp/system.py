"""Tools of the category System: the state of everything, agents and namespaces."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from django.db.models import F, Q
from pydantic import Field

from monitor.mcp.lists import Few, Page, Record, given, made, one_of, page
from monitor.mcp.state import SystemState, system_state
from monitor.mcp.texts import Untrusted, UntrustedJson
from monitor.mcp.times import End, Start, window
from monitor.mcp.tools import row_or_error, unknown
from monitor.records.models import Namespace, SystemAgent, WorkflowExecution, WorkflowMessage
from monitor.records.queries.agents import heard_of, present
from monitor.records.queries.counting import COUNTED, capped_count
from swf_common.protocol.message import UtcTime, utc_now
from swf_common.protocol.states import AgentStatus, OperationalState

DAY = timedelta(hours=24)


class AgentSummary(Record):
    """An agent instance, as its heartbeats describe it."""

    instance_name: str = Field(description="names this start of the program")
    program: str | None = Field(description="the service, as the supervised tools take it")
    agent_type: Untrusted
    namespace: str | None
    operational_state: str = Field(description="STARTING, READY, PROCESSING or EXITED")
    status: str = Field(description="OK, WARNING, ERROR, UNKNOWN or EXITED")
    last_heartbeat: UtcTime | None
    workflow_enabled: bool
    total_stf_processed: int


class Agent(AgentSummary):
    """Everything that is known of an agent instance."""

    container_id: str | None
    hostname: str | None
    description: Untrusted
    mq_connected: bool | None = Field(description="whether it has a connection to the broker")
    heartbeat_interval: float | None = Field(description="seconds; silent for 3 of them: EXITED")
    current_stf_count: int
    last_stf_processed: UtcTime | None
    metadata: UntrustedJson
    fresh: bool = Field(description="the last heartbeat is less than 3 intervals old")


class NamespaceSummary(Record):
    """A namespace that somebody has announced."""

    name: str
    owner: str
    description: Untrusted


class NamespaceActivity(Record):
    """What went on in a namespace."""

    name: str
    owner: str | None = Field(description="null when nobody has announced the namespace")
    description: Untrusted | None
    agent_count: int = Field(description="agent instances of all time")
    execution_count: int = Field(description="executions that started in the window")
    message_count: int = Field(description=f"messages sent in the window, counted to {COUNTED}")
    active_users: list[str] = Field(description="who ran the executions of the window")
    start_time: UtcTime
    end_time: UtcTime


def get_system_state() -> SystemState:
    """How the whole testbed is, in one answer: call this first.

    Counts of agents and executions, what runs, whether a workflow can be started
    (`ready_to_run`, else `not_ready_because`), the newest runs, recent events and errors. Next:
    list_agents for who is not well, get_workflow_monitor for an execution that runs.
    """
    return system_state()


def list_agents(
    namespace: Annotated[str | None, Field(description="exactly this namespace")] = None,
    agent_type: Annotated[str | None, Field(description="exactly this type")] = None,
    status: Annotated[
        str | None,
        Field(description="a status or an operational state, in any case; 'all': EXITED ones too"),
    ] = None,
    execution_id: Annotated[
        str | None, Field(description="agents that are at work on this execution")
    ] = None,
    start_time: Start = None,
    end_time: End = None,
    limit: Few = 100,
) -> Page[AgentSummary]:
    """Agent instances, newest heartbeat first.

    Each start of a program is an instance of its own, so old ones are many: those that are EXITED
    are left out unless status is 'EXITED' or 'all'. The window of time is that of the last
    heartbeat; by default there is none. Next: get_agent for details,
    get_agent_instance_status to compare with the container.
    """
    agents = present() if status is None else SystemAgent.objects.all()
    rows = agents.order_by(F("last_heartbeat").desc(nulls_last=True), "-id").filter(
        **window(start_time, end_time).of("last_heartbeat"),
        **given(namespace=namespace, agent_type=agent_type, metadata__execution_id=execution_id),
    )
    if status is not None and status.strip().lower() != "all":
        rows = rows.filter(_has(status))
    return page(rows, limit, AgentSummary)


def get_agent(
    name: Annotated[str, Field(description="the instance name, from list_agents")],
) -> Agent:
    """All that one agent instance has reported.

    Next: get_agent_instance_status to see its container too, list_logs(instance_name=...) for what
    it wrote.
    """
    return agent_of(agent_row(name))


def list_namespaces(limit: Few = 100) -> Page[NamespaceSummary]:
    """Namespaces that have been announced, by name. A testbed itself has exactly one of its own
    (see get_system_state). Next: get_namespace.
    """
    return page(Namespace.objects.order_by("name"), limit, NamespaceSummary)


def get_namespace(
    namespace: Annotated[str, Field(description="its name, from list_namespaces")],
    start_time: Start = None,
    end_time: End = None,
) -> NamespaceActivity:
    """What went on in a namespace: agents, executions and messages; by default of 24 hours.

    Works for a namespace that nobody has announced, too, as long as something has used it.
    """
    period = window(start_time, end_time, DAY)
    known = Namespace.objects.filter(name=namespace).first()
    agents = SystemAgent.objects.filter(namespace=namespace).count()
    executions = WorkflowExecution.objects.filter(namespace=namespace)
    messages = WorkflowMessage.objects.filter(namespace=namespace)
    if not (known or agents or executions.exists() or messages.exists()):
        raise unknown("namespace", namespace, "list_namespaces")
    recent = executions.filter(**period.of("start_time"))
    users = recent.order_by("executed_by").values_list("executed_by", flat=True).distinct()
    return NamespaceActivity(
        name=namespace,
        owner=known.owner if known else None,
        description=known.description if known else None,
        agent_count=agents,
        execution_count=recent.count(),
        message_count=capped_count(messages.filter(**period.of("sent_at")))[0],
        active_users=list(users[:100]),
        start_time=period.start or utc_now(),
        end_time=period.end or utc_now(),
    )


def agent_row(name: str) -> SystemAgent:
    """The row of an agent instance.

    :raises ToolError: there is none
    """
    rows = SystemAgent.objects.filter(instance_name=name)
    row: SystemAgent = row_or_error(rows, "agent", name, "list_agents(status='all')")
    return row


def agent_of(row: SystemAgent) -> Agent:
    """A row as the tools tell it."""
    return made(Agent, row, fresh=heard_of(row))


def _has(text: str) -> Q:
    wanted = text.strip().upper()
    if wanted in OperationalState.__members__:
        return Q(operational_state=wanted)
    return Q(status=one_of(wanted, AgentStatus))


READING = (get_system_state, list_agents, get_agent, list_namespaces, get_namespace)
ACTING = ()
