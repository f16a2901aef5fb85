"""The overview: how the testbed is, what runs, and what went wrong lately."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from monitor.control.commands import control
from monitor.pages.access import may_act, readers
from monitor.pages.drawing.bars import bars
from monitor.pages.verdict import AgentFacts, Snapshot, judge
from monitor.pages.views.progress import recent_progress
from monitor.records.freshness import RETIRED, is_fresh
from monitor.records.models import (
    AppLog,
    DeadLetter,
    RecorderStatus,
    SystemAgent,
    WorkflowExecution,
)
from swf_common.protocol.states import ExecutionStatus, OperationalState

LATELY = timedelta(minutes=10)
ERRORS_OF = timedelta(hours=24)
ERROR_LEVELS = (40, 50)
ERRORS, ENDED = 5, 6
RATE_BINS, RATE_BIN_S = 60, 10
RATE_ROWS = 200_000
"""Newest messages among which those of the last minutes are counted."""
RATE_KEPT_S = 2


@readers
def overview(request: HttpRequest) -> HttpResponse:
    """The page that people keep open."""
    now = timezone.now()
    agents = list(
        SystemAgent.objects.filter(namespace=settings.TESTBED_NAMESPACE)
        .exclude(operational_state=OperationalState.EXITED)
        .order_by("program", "id")
    )
    own = WorkflowExecution.objects.filter(namespace=settings.TESTBED_NAMESPACE)
    running = list(own.filter(status=ExecutionStatus.RUNNING).order_by("start_time"))
    recorder = RecorderStatus.objects.first()
    letters = DeadLetter.objects.filter(resolution="open").count()
    snapshot = Snapshot(
        broker_connected=control().connected,
        recorder_silent_s=(now - recorder.updated_at).total_seconds() if recorder else None,
        recorder_lag_s=recorder.lag_s if recorder else 0.0,
        agents=[_facts(agent, now) for agent in agents],
        lost=_lost(agents, now),
        running=[execution.execution_id for execution in running],
        dead_letters=letters,
    )
    context = {
        "verdict": judge(snapshot),
        "agents": [
            (agent, is_fresh(agent.last_heartbeat, agent.heartbeat_interval, now))
            for agent in agents
        ],
        "running": [(execution, recent_progress(execution)) for execution in running],
        "ended": own.exclude(status=ExecutionStatus.RUNNING).order_by("-start_time")[:ENDED],
        "recorder": recorder,
        "dead_letters": letters,
        "errors": _errors(now),
        "rate": _rate(now),
        "may_act": may_act(request.user),
    }
    return render(request, "pages/overview.html", context)


def _facts(agent: SystemAgent, now: datetime) -> AgentFacts:
    return AgentFacts(
        instance_name=agent.instance_name,
        program=agent.program or agent.agent_type,
        operational_state=agent.operational_state,
        status=agent.status,
        fresh=is_fresh(agent.last_heartbeat, agent.heartbeat_interval, now),
        known_s=(now - agent.created_at).total_seconds(),
        description=agent.description or "",
    )


def _lost(alive: list[SystemAgent], now: datetime) -> list[str]:
    """Programs whose last instance fell silent lately."""
    retired = SystemAgent.objects.filter(
        namespace=settings.TESTBED_NAMESPACE,
        operational_state=OperationalState.EXITED,
        description=RETIRED,
        updated_at__gte=now - LATELY,
    )
    programs = {program for program in retired.values_list("program", flat=True) if program}
    return sorted(programs - {agent.program for agent in alive})


def _errors(now: datetime) -> list[AppLog]:
    """The newest errors: of each level by its index, since most lines are no errors."""
    found = [
        row
        for level in ERROR_LEVELS
        for row in AppLog.objects.filter(level=level, timestamp__gte=now - ERRORS_OF).order_by(
            "-id"
        )[:ERRORS]
    ]
    return sorted(found, key=lambda row: -row.pk)[:ERRORS]


def _rate(now: datetime) -> dict[str, Any]:
    """Recorded messages of the last minutes, as bars; counted anew every other second."""
    counts = cache.get("message-rate")
    if counts is None:
        counts = _counts(now)
        cache.set("message-rate", counts, RATE_KEPT_S)
    return {
        "bars": bars(counts, x=0, width=600, bottom=60, height=56),
        "total": sum(counts),
        "most": max(counts) / RATE_BIN_S,
        "minutes": RATE_BINS * RATE_BIN_S // 60,
    }


def _counts(now: datetime) -> list[int]:
    begin = now - timedelta(seconds=RATE_BINS * RATE_BIN_S)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT width_bucket(extract(epoch FROM sent_at), %(begin)s, %(end)s, %(bins)s), count(*)
            FROM swf_workflow_messages
            WHERE id > (SELECT max(id) FROM swf_workflow_messages) - %(rows)s
                AND sent_at >= %(since)s
            GROUP BY 1
            """,
            {
                "begin": begin.timestamp(),
                "end": now.timestamp(),
                "bins": RATE_BINS,
                "rows": RATE_ROWS,
                "since": begin,
            },
        )
        found = dict(cursor.fetchall())
    return [found.get(number, 0) for number in range(1, RATE_BINS + 1)]
