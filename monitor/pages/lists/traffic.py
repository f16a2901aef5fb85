"""Lists of what was said: messages, log records, dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.api.filters import DeadLetterFilter, LogFilter, MessageFilter
from monitor.pages.cells import Column
from monitor.pages.links import listed, to
from monitor.pages.lists.agents import known_agents, known_namespaces
from monitor.pages.lists.listing import Listing
from monitor.records.models import AppLog, DeadLetter, WorkflowMessage
from monitor.records.models.logs import LEVELS
from swf_common.protocol.messages import CATALOGUE

ENVELOPE = (
    "msg_type",
    "message_id",
    "namespace",
    "sender",
    "timestamp",
    "created_at",
    "execution_id",
    "run_id",
)
OFFERED_LEVELS = ("INFO", "WARNING", "ERROR")


def _own_content(message: WorkflowMessage) -> Any:
    """What a message says beside what the other columns show."""
    content = message.message_content
    if not isinstance(content, dict):
        return content
    return {name: value for name, value in content.items() if name not in ENVELOPE}


def known_types() -> Sequence[str]:
    return sorted(CATALOGUE)


MESSAGES = Listing(
    name="messages",
    title="Messages",
    about="What went over the broker, each message once; new ones appear by themselves.",
    rows=lambda: WorkflowMessage.objects.all(),
    columns=(
        Column("No.", "id", "code", link=lambda m: to("message", m.message_id), sort="id"),
        Column(
            "Sent", "sent_at", "time", link=lambda m: to("message", m.message_id), sort="sent_at"
        ),
        Column("Type", "message_type", "code"),
        Column(
            "Sender", "sender_agent", link=lambda m: listed("messages", sender_agent=m.sender_agent)
        ),
        Column("Execution", "execution_id", link=lambda m: to("execution", m.execution_id)),
        Column("Content", _own_content, "long"),
    ),
    filters=MessageFilter,
    offered=(
        "message_type",
        "sender_agent",
        "execution_id",
        "run_id",
        "namespace",
        "since",
        "until",
    ),
    order="-id",
    live="message",
    suggestions={
        "message_type": known_types,
        "sender_agent": known_agents,
        "namespace": known_namespaces,
    },
)

LOGS = Listing(
    name="logs",
    title="Logs",
    about="What agents and the monitor have to say; new lines appear by themselves.",
    rows=lambda: AppLog.objects.all(),
    columns=(
        Column("No.", "id", "code", link=lambda r: to("log", r.pk), sort="id"),
        Column("Time", "timestamp", "time", link=lambda r: to("log", r.pk), sort="timestamp"),
        Column("Level", "levelname", "state"),
        Column(
            "From", "instance_name", link=lambda r: listed("logs", instance_name=r.instance_name)
        ),
        Column("Message", "message", "long", link=lambda r: to("log", r.pk)),
        Column("Execution", "execution_id", link=lambda r: to("execution", r.execution_id)),
        Column("Place", lambda r: f"{r.module}:{r.lineno}", "code"),
    ),
    filters=LogFilter,
    offered=(
        "search",
        "min_level",
        "instance_name",
        "app_name",
        "execution_id",
        "run_id",
        "since",
        "until",
    ),
    order="-id",
    live="log",
    suggestions={"instance_name": known_agents},
    choices={"min_level": [(str(LEVELS[name]), f"{name} and above") for name in OFFERED_LEVELS]},
)

DEAD_LETTERS = Listing(
    name="dead-letters",
    title="Dead letters",
    about="Messages that an agent could not handle, or that nobody understands.",
    rows=lambda: DeadLetter.objects.defer("body", "headers"),
    columns=(
        Column("Letter", "id", "code", link=lambda d: to("dead-letter", d.pk), sort="id"),
        Column("Received", "received_at", "time", link=lambda d: to("dead-letter", d.pk)),
        Column("State", "resolution", "state", sort="resolution"),
        Column("Type", "message_type", "code"),
        Column("Meant for", "destination", "code"),
        Column("Execution", "execution_id", link=lambda d: to("execution", d.execution_id)),
        Column("Cause", "cause", "long"),
    ),
    filters=DeadLetterFilter,
    offered=("resolution", "message_type", "destination", "execution_id"),
    order="-id",
    suggestions={"message_type": known_types},
)
