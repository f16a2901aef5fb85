"""Lists of agents, and of what belongs to them: namespaces, subscribers, workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from monitor.api.filters import AgentFilter, NamespaceFilter, SubscriberFilter, WorkerFilter
from monitor.pages.cells import Column, span
from monitor.pages.links import listed, to
from monitor.pages.lists.listing import Listing
from monitor.records.json_values import as_object
from monitor.records.models import (
    Namespace,
    Subscriber,
    SystemAgent,
    Worker,
    WorkflowExecution,
)
from monitor.records.queries.counting import number_of
from swf_common.protocol.states import AgentStatus

SUGGESTED = 200
TROUBLES = (AgentStatus.WARNING, AgentStatus.ERROR)


def known_agents() -> Sequence[str]:
    """The newest instances."""
    rows = SystemAgent.objects.order_by("-id").values_list("instance_name", flat=True)
    return list(rows[:SUGGESTED])


def known_programs() -> Sequence[str]:
    rows = SystemAgent.objects.order_by("program").values_list("program", flat=True)
    return [program for program in rows.distinct()[:SUGGESTED] if program]


def known_namespaces() -> Sequence[str]:
    return list(Namespace.objects.values_list("name", flat=True)[:SUGGESTED])


def _work(name: str) -> Callable[[SystemAgent], Any]:
    return lambda agent: as_object(agent.metadata).get(name)


def _trouble(agent: SystemAgent) -> str | None:
    """What an agent that is not well says of itself."""
    return agent.description if agent.status in TROUBLES else None


AGENTS = Listing(
    name="agents",
    title="Agents",
    about="Every instance that was ever heard of; a program that starts anew is a new instance.",
    rows=lambda: SystemAgent.objects.all(),
    columns=(
        Column(
            "Instance",
            "instance_name",
            link=lambda a: to("agent", a.instance_name),
            sort="instance_name",
        ),
        Column(
            "Program", "program", link=lambda a: listed("agents", program=a.program), sort="program"
        ),
        Column("State", "operational_state", "state", sort="operational_state"),
        Column("Status", "status", "state", sort="status"),
        Column("Trouble", _trouble, "long"),
        Column("Heartbeat", "last_heartbeat", "time", sort="last_heartbeat"),
        Column(
            "Execution",
            _work("execution_id"),
            link=lambda a: to("execution", _work("execution_id")(a)),
        ),
        Column("Handled", "total_stf_processed", "number", sort="total_stf_processed"),
        Column("Namespace", "namespace", link=lambda a: to("namespace", a.namespace)),
        Column("Container", lambda a: (a.container_id or "")[:12], "code"),
    ),
    filters=AgentFilter,
    offered=("instance_name", "program", "operational_state", "status", "namespace"),
    order="-last_heartbeat",
    live="agent",
    suggestions={
        "instance_name": known_agents,
        "program": known_programs,
        "namespace": known_namespaces,
    },
)

NAMESPACES = Listing(
    name="namespaces",
    title="Namespaces",
    about="Who shares this monitor; a testbed has one namespace.",
    rows=lambda: Namespace.objects.annotate(
        agents=number_of(SystemAgent, "namespace", "name"),
        executions=number_of(WorkflowExecution, "namespace", "name"),
    ),
    columns=(
        Column("Name", "name", link=lambda n: to("namespace", n.name), sort="name"),
        Column("Owner", "owner", sort="owner"),
        Column("Description", "description", "long"),
        Column("Agents", "agents", "number", link=lambda n: listed("agents", namespace=n.name)),
        Column(
            "Executions",
            "executions",
            "number",
            link=lambda n: listed("executions", namespace=n.name),
        ),
        Column("Messages", lambda n: "show", link=lambda n: listed("messages", namespace=n.name)),
        Column("Changed", "updated_at", "time", sort="updated_at"),
    ),
    filters=NamespaceFilter,
    offered=("name", "owner"),
    order="name",
    live="",
)

SUBSCRIBERS = Listing(
    name="subscribers",
    title="Subscribers",
    about="Subscriptions that agents have registered under a name.",
    rows=lambda: Subscriber.objects.all(),
    columns=(
        Column(
            "Name",
            "subscriber_name",
            link=lambda s: to("subscriber", s.pk),
            sort="subscriber_name",
        ),
        Column("Description", "description", "long"),
        Column("Delivery", "delivery_type", sort="delivery_type"),
        Column("Active", "is_active", "flag", sort="is_active"),
        Column("Fraction", "fraction", "number", sort="fraction"),
        Column("Created", "created_at", "time", sort="subscriber_id"),
        Column("Changed", "updated_at", "time", sort="updated_at"),
    ),
    filters=SubscriberFilter,
    offered=("subscriber_name", "is_active", "delivery_type"),
    order="-subscriber_id",
    live="",
    choices={"is_active": (("true", "yes"), ("false", "no"))},
)

WORKERS = Listing(
    name="workers",
    title="Workers",
    about="Transformers and others that process the slices of a run.",
    rows=lambda: Worker.objects.all(),
    columns=(
        Column("Worker", "worker_id", link=lambda w: to("worker", w.worker_id), sort="worker_id"),
        Column("Run", "run_number", "code", link=lambda w: to("run", w.run_number)),
        Column("Status", "status", "state", sort="status"),
        Column("Location", "location", "code", sort="location"),
        Column("Slices completed", "slices_completed", "number", sort="slices_completed"),
        Column("Started", "started_at", "time", sort="started_at"),
        Column("Ended", "ended_at", "time"),
        Column("Time", lambda w: span(w.started_at, w.ended_at), "duration"),
    ),
    filters=WorkerFilter,
    offered=("run_number", "status", "location"),
    order="-started_at",
)
