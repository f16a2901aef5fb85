"""The list of agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from monitor.api.filters import AgentFilter
from monitor.pages.cells import Column
from monitor.pages.links import listed, to
from monitor.pages.lists.listing import Listing
from monitor.records.models import Namespace, SystemAgent
from swf_common.protocol.json_values import as_object
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
    about="Every instance that was ever heard of; a program that starts again is a new instance.",
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
        Column("Namespace", "namespace", link=lambda a: listed("agents", namespace=a.namespace)),
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
