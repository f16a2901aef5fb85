"""What happened when in an execution: its messages over time, the states of its run and agents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from monitor.records.models import AgentStateChange, WorkflowExecution, WorkflowMessage
from testbed.protocol.message import utc_now

LIFECYCLE = ("run_imminent", "start_run", "pause_run", "resume_run", "end_run")
BESIDE = timedelta(seconds=5)
"""The runner is at work shortly before an execution begins, and after its end."""
MOST_AGENTS = 16
MOST_CHANGES = 20_000


@dataclass(frozen=True)
class Period:
    """A span of time."""

    begin: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.begin).total_seconds()


@dataclass(frozen=True)
class StateChange:
    """From a moment on, something was in a state."""

    moment: datetime
    state: str


@dataclass(frozen=True)
class AgentHistory:
    """The states of one agent instance, in order."""

    instance_name: str
    program: str
    changes: list[StateChange]


@dataclass(frozen=True)
class Moment:
    """A message at its time.

    :param name: the file it is about, or its sender
    """

    moment: datetime
    name: str


def whole_period(execution: WorkflowExecution) -> Period:
    """From the start of an execution to its last message, or its end if that is later; of one
    that runs, until now.
    """
    if execution.end_time is None:
        return Period(execution.start_time, utc_now())
    last = (
        WorkflowMessage.objects.filter(execution_id=execution.execution_id)
        .order_by("-id")
        .values_list("sent_at", flat=True)
        .first()
    )
    return Period(execution.start_time, max(execution.end_time, last or execution.end_time))


def counts(
    execution_id: str, types: Sequence[str], period: Period, bins: int
) -> dict[str, list[int]]:
    """The messages of each type in a period, counted in bins of equal width."""
    found = {message_type: [0] * bins for message_type in types}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT message_type, width_bucket(
                extract(epoch FROM sent_at), %(begin)s, %(end)s, %(bins)s), count(*)
            FROM swf_workflow_messages
            WHERE execution_id = %(execution)s AND message_type = ANY(%(types)s)
                AND sent_at BETWEEN %(since)s AND %(until)s
            GROUP BY 1, 2
            """,
            {
                "begin": period.begin.timestamp(),
                "end": period.end.timestamp(),
                "bins": bins,
                "execution": execution_id,
                "types": list(types),
                "since": period.begin,
                "until": period.end,
            },
        )
        for message_type, number, count in cursor.fetchall():
            found[message_type][min(number, bins) - 1] += count
    return found


def moments(execution_id: str, message_type: str, period: Period) -> list[Moment]:
    """Each message of a type in a period; ask only for what `counts` found to be few."""
    rows = WorkflowMessage.objects.filter(
        execution_id=execution_id,
        message_type=message_type,
        sent_at__range=(period.begin, period.end),
    ).values_list("sent_at", "message_content", "sender_agent")
    return [Moment(sent, _subject(content) or sender or "") for sent, content, sender in rows]


def run_states(execution_id: str) -> list[StateChange]:
    """The states of the DAQ, from the lifecycle messages."""
    rows = (
        WorkflowMessage.objects.filter(execution_id=execution_id, message_type__in=LIFECYCLE)
        .order_by("id")
        .values_list("sent_at", "message_content", "message_type")
    )
    return [
        StateChange(sent, " ".join(filter(None, (content.get("state"), content.get("substate")))))
        for sent, content, _ in rows
        if isinstance(content, dict)
    ]


def agent_histories(namespace: str | None, period: Period) -> list[AgentHistory]:
    """The agents whose state changed in a period, or right before or after it, by program; at
    most `MOST_AGENTS`.
    """
    around = (period.begin - BESIDE, period.end + BESIDE)
    rows = AgentStateChange.objects.filter(namespace=namespace, changed_at__range=around).order_by(
        "id"
    )
    found: dict[str, AgentHistory] = {}
    for name, program, state, moment in rows.values_list(
        "instance_name", "program", "operational_state", "changed_at"
    )[:MOST_CHANGES]:
        history = found.setdefault(name, AgentHistory(name, program or "", []))
        history.changes.append(StateChange(moment, state))
    histories = sorted(found.values(), key=lambda one: (one.program, one.instance_name))
    for history in histories[:MOST_AGENTS]:
        before = (
            AgentStateChange.objects.filter(
                instance_name=history.instance_name, changed_at__lt=around[0]
            )
            .order_by("-id")
            .first()
        )
        if before is not None:
            history.changes.insert(0, StateChange(around[0], before.operational_state))
    return histories[:MOST_AGENTS]


def _subject(content: object) -> str:
    if not isinstance(content, dict):
        return ""
    inner = content.get("content")
    for source in (content, inner if isinstance(inner, dict) else {}):
        for name in ("filename", "stf_filename", "tf_filename"):
            if isinstance(source.get(name), str):
                return str(source[name])
    return ""
