"""An agent instance, and the containers in which agents run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from monitor.control import agents as control
from monitor.control.commands import NoAnswer, Refused
from monitor.pages.access import may_act, readers
from monitor.pages.cells import Cell
from monitor.pages.links import linked, listed
from monitor.pages.lists.agents import AGENTS
from monitor.pages.views.actions import VERBS
from monitor.pages.views.record_page import record_page, row_or_404
from monitor.records.models import AgentStateChange, AppLog, SystemAgent
from monitor.records.queries.agents import heard_of
from swf_common.protocol.agent_control import AgentContainerState
from swf_common.protocol.json_values import as_object
from swf_common.protocol.message import FILE_NAME
from swf_common.protocol.states import CONTAINER_DOWN, OperationalState

CHANGES, LINES = 15, 10


@readers
def agent(request: HttpRequest, instance_name: str) -> HttpResponse:
    """An agent instance: how it is, how it was, what it said last."""
    row = row_or_404(SystemAgent.objects.all(), "agent", instance_name=instance_name)
    metadata = as_object(row.metadata)
    execution = metadata.get("execution_id")
    alive = row.operational_state != OperationalState.EXITED
    return record_page(
        request,
        AGENTS,
        row.instance_name,
        [
            ("Status", Cell(row.status, "state")),
            ("Description", Cell(row.description, "long")),
            ("Program", Cell(row.program, href=listed("agents", program=row.program))),
            ("Type", Cell(row.agent_type)),
            ("Last heartbeat", Cell(row.last_heartbeat, "time")),
            ("Heartbeat every", Cell(row.heartbeat_interval, "duration")),
            ("Broker", Cell("connected" if row.mq_connected else "not connected")),
            ("At work on", linked("execution", execution)),
            ("Messages handled", Cell(row.total_stf_processed, "number")),
            ("Messages in hand", Cell(row.current_stf_count, "number")),
            ("Container", Cell(row.container_id, "code")),
            ("Host", Cell(row.hostname, "code")),
            ("Namespace", Cell(row.namespace, href=listed("agents", namespace=row.namespace))),
            ("First heard of", Cell(row.created_at, "time")),
        ],
        state=row.operational_state,
        related=[
            ("Logs", listed("logs", instance_name=row.instance_name)),
            ("Messages", listed("messages", sender_agent=row.instance_name)),
            ("Containers", listed("containers")),
        ],
        documents=[("Details", metadata)],
        template="pages/agent.html",
        live="agent,log",
        agent=row,
        alive=alive,
        silent=alive and not heard_of(row),
        changes=AgentStateChange.objects.filter(instance_name=instance_name).order_by("-id")[
            :CHANGES
        ],
        lines=AppLog.objects.filter(instance_name=instance_name).order_by("-id")[:LINES],
        may_act=may_act(request.user),
        # agents of others may name anything as their program; no service is called so
        manageable=re.fullmatch(FILE_NAME, row.program or "") is not None,
    )


@readers
def containers(request: HttpRequest) -> HttpResponse:
    """Every agent container as the engine sees it, beside what its agent says of itself."""
    context: dict[str, Any] = {"may_act": may_act(request.user)}
    status = 200
    try:
        known = control.containers(str(request.user))
    except (NoAnswer, Refused) as error:
        context["problem"] = str(error)
        # a page that is open goes on looking
        status = 200 if request.headers.get("HX-Request") else 503
    else:
        programs: dict[str, list[tuple[AgentContainerState, SystemAgent | None]]] = {}
        for one, newest in control.with_agents(sorted(known, key=lambda c: (c.program, c.name))):
            programs.setdefault(one.program, []).append((one, newest))
        context["programs"] = [
            (program, rows, [verb for verb in VERBS if verb in _useful(rows)])
            for program, rows in programs.items()
        ]
    return render(request, "pages/containers.html", context, status=status)


def _useful(rows: Sequence[tuple[AgentContainerState, SystemAgent | None]]) -> set[str]:
    """The verbs that would change something for the containers of a program."""
    down = [container.state in CONTAINER_DOWN for container, _ in rows]
    verbs = {"start"} if any(down) else set()
    return verbs if all(down) else verbs | {"stop", "restart", "kill"}
