"""What happened when in an execution: its messages over time, the states of its run and agents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import TextField, Value
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Coalesce, Left, NullIf

from monitor.records.models import AgentStateChange, WorkflowExecution, WorkflowMessage
from swf_common.protocol.json_values import as_object
from swf_common.protocol.message import utc_now
from swf_common.protocol.progress import DAQ_PHASES

RUN_ENDED = "ended"
BESIDE = timedelta(seconds=5)
"""The runner is at work shortly before an execution begins, and after its end."""
MOST_AGENTS = 16
MOST_CHANGES = 5_000
"""State changes of one agent that are read: the newest of a period."""


LONGEST_NAME = 255
SUBJECT = Coalesce(
    *(
        NullIf(KeyTextTransform(name, source), Value(""))
        for source in ("message_content", KeyTransform("content", "message_content"))
        for name in ("filename", "stf_filename", "tf_filename")
    ),
    "sender_agent",
    Value(""),
    output_field=TextField(),
)
"""What a message is about, as an expression: the file that it names, or else its sender."""


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
    """The states of one agent instance, in order.

    :param changes: they begin late when the agent changed more often than is read
    :param known_until: the end of what was asked for
    """

    instance_name: str
    program: str
    changes: list[StateChange]
    known_until: datetime


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
        return Period(execution.start_time, max(execution.start_time, utc_now()))
    last = (
        WorkflowMessage.objects.filter(execution_id=execution.execution_id)
        .order_by("-id")
        .values_list("sent_at", flat=True)
        .first()
    )
    ends = [execution.start_time, execution.end_time, *([last] if last else [])]
    return Period(execution.start_time, max(ends))


def counts(
    execution_id: str, types: Sequence[str], period: Period, bins: int
) -> dict[str, list[int]]:
    """The messages of each type in a period, counted in bins of equal width."""
    counted = {message_type: [0] * bins for message_type in types}
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
            counted[message_type][min(max(number, 1), bins) - 1] += count
    return counted


def moments(execution_id: str, message_type: str, period: Period) -> list[Moment]:
    """Each message of a type in a period; ask only for what `counts` found to be few."""
    rows = WorkflowMessage.objects.filter(
        execution_id=execution_id,
        message_type=message_type,
        sent_at__range=(period.begin, period.end),
    )
    # a message may have a megabyte, of which only a name is shown
    return [Moment(*row) for row in rows.values_list("sent_at", Left(SUBJECT, LONGEST_NAME))]


def run_states(execution_id: str) -> list[StateChange]:
    """The states of the DAQ, from the lifecycle messages; the last one of a run is `RUN_ENDED`."""
    rows = (
        WorkflowMessage.objects.filter(execution_id=execution_id, message_type__in=DAQ_PHASES)
        .order_by("id")
        .values_list("sent_at", "message_content", "message_type")
    )
    return [
        StateChange(sent, RUN_ENDED if kind == "end_run" else _daq_state(as_object(content)))
        for sent, content, kind in rows
    ]


def agent_histories(namespace: str | None, whole: Period, shown: Period) -> list[AgentHistory]:
    """The agents whose state changed in the whole period, or right before or after it, by
    program, at most `MOST_AGENTS`; each with its states in the part that is shown.
    """
    changed = AgentStateChange.objects.filter(
        namespace=namespace, changed_at__range=(whole.begin - BESIDE, whole.end + BESIDE)
    ).order_by("program", "instance_name")
    names = changed.values_list("program", "instance_name").distinct()[:MOST_AGENTS]
    return [_history(name, program or "", shown) for program, name in names]


def _history(instance_name: str, program: str, shown: Period) -> AgentHistory:
    begin, end = shown.begin - BESIDE, shown.end + BESIDE
    own = AgentStateChange.objects.filter(instance_name=instance_name)
    before = own.filter(changed_at__lt=begin).order_by("-changed_at", "-id").first()
    rows = own.filter(changed_at__range=(begin, end)).order_by("-changed_at", "-id")
    newest = rows.values_list("changed_at", "operational_state")[: MOST_CHANGES + 1]
    changes = [StateChange(moment, state) for moment, state in newest][::-1]
    if len(changes) > MOST_CHANGES:
        del changes[0]
    elif before is not None:
        changes.insert(0, StateChange(begin, before.operational_state))
    return AgentHistory(instance_name, program, changes, end)


def _daq_state(content: dict[str, Any]) -> str:
    parts = (content.get("state"), content.get("substate"))
    return " ".join(part for part in parts if isinstance(part, str))
