"""The overview: how the testbed is, what runs, and what went wrong lately."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from monitor.control.commands import control
from monitor.pages.access import may_act, readers
from monitor.pages.drawing.bars import bars
from monitor.pages.views.progress import recent_progress
from monitor.records.queries import logs, messages, testbed
from monitor.records.queries.agents import heard_of
from monitor.records.queries.executions import executions
from monitor.records.queries.verdict import judge
from swf_common.protocol.states import ExecutionStatus

ERRORS_OF = timedelta(hours=24)
ERRORS, ENDED = 5, 6


@readers
def overview(request: HttpRequest) -> HttpResponse:
    """The page that people keep open."""
    now = timezone.now()
    seen = testbed.snapshot(now, broker_connected=control().connected)
    ended = executions().filter(namespace=settings.TESTBED_NAMESPACE)
    context = {
        "verdict": judge(seen),
        "agents": [(agent, heard_of(agent, now)) for agent in seen.agents],
        "running": [(execution, recent_progress(execution)) for execution in seen.running],
        "ended": ended.exclude(status=ExecutionStatus.RUNNING).order_by("-start_time")[:ENDED],
        "recorder": seen.recorder,
        "dead_letters": seen.dead_letters,
        "errors": logs.newest_errors(now - ERRORS_OF, ERRORS),
        "rate": _rate(now),
        "may_act": may_act(request.user),
    }
    return render(request, "pages/overview.html", context)


def _rate(now: datetime) -> dict[str, Any]:
    """Recorded messages of the last minutes, as bars."""
    counts = messages.recent_counts(now)
    return {
        "bars": bars(counts, x=0, width=600, bottom=60, height=56),
        "total": sum(counts),
        "most": max(counts) / messages.RATE_BIN_S,
        "minutes": messages.RATE_BINS * messages.RATE_BIN_S // 60,
    }
