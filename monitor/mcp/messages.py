"""Tools of the category Messages, logs: what went over the broker, and what was logged."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.db.models import TextField
from django.db.models.functions import Cast, Left, Length
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from monitor.control.commands import control, sender_of
from monitor.mcp.callers import Operator
from monitor.mcp.lists import NEWEST_OF_FEW, Many, Page, Record, given, made, page
from monitor.mcp.texts import (
    SUMMARY_LENGTH,
    Untrusted,
    UntrustedJson,
    UntrustedLine,
    UntrustedSummary,
    cut,
)
from monitor.mcp.times import End, Start, window
from monitor.mcp.tools import or_else, row_or_error
from monitor.records.models import AppLog, WorkflowMessage
from monitor.records.models.logs import LEVELS
from monitor.records.queries import logs
from swf_common.protocol.destinations import EPICTOPIC
from swf_common.protocol.message import Message, UtcTime
from swf_common.protocol.messages import CATALOGUE

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)


class MessageSummary(Record):
    """A recorded message."""

    message_id: UUID
    message_type: str
    sender_agent: str | None
    namespace: str | None
    sent_at: UtcTime
    execution_id: str | None
    run_id: str | None
    payload_summary: UntrustedSummary


class Sent(Record):
    """A message that the broker has confirmed."""

    message_id: UUID
    message_type: str
    sender: str
    namespace: str
    sent_at: UtcTime


class LogSummary(Record):
    """A log record."""

    id: int
    timestamp: UtcTime
    app_name: str
    instance_name: str
    levelname: str
    message: UntrustedLine
    module: str
    funcname: str
    lineno: int
    execution_id: str | None


class LogEntry(LogSummary):
    """All of a log record."""

    message: Untrusted
    process: int
    thread: int
    namespace: str | None
    run_id: str | None
    extra_data: UntrustedJson


def list_messages(
    namespace: Annotated[str | None, Field(description="exactly this namespace")] = None,
    execution_id: Annotated[str | None, Field(description="of this execution")] = None,
    agent: Annotated[str | None, Field(description="the sender's instance name")] = None,
    message_type: Annotated[
        str | None, Field(description="such as stf_gen, stf_ready, end_run")
    ] = None,
    start_time: Start = None,
    end_time: End = None,
    limit: Many = 200,
) -> Page[MessageSummary]:
    """Messages that went over the broker, newest first; by default of the last hour.

    An execution's story in order: run_imminent, start_run, stf_gen and stf_ready for each file,
    processing_complete, end_run. Each has the first 200 characters of its content. For an
    execution of earlier give start_time (see list_workflow_executions).
    """
    content = Cast("message_content", TextField())
    rows = WorkflowMessage.objects.filter(
        **window(start_time, end_time, HOUR).of("sent_at"),
        **given(
            namespace=namespace,
            execution_id=execution_id,
            sender_agent=agent,
            message_type=message_type,
        ),
    )
    shown = rows.defer("message_content").annotate(
        beginning=Left(content, SUMMARY_LENGTH), characters=Length(content)
    )
    order = "-id" if execution_id is None else NEWEST_OF_FEW
    return page(shown.order_by(order), limit, MessageSummary, _message)


def send_message(
    message: Annotated[str, Field(min_length=1, max_length=10_000, description="the text")],
    caller: Operator,
    message_type: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$", description="a type of your own")
    ] = "announcement",
    metadata: Annotated[
        dict[str, Any] | None, Field(description="further facts, as a JSON object")
    ] = None,
) -> Sent:
    """Send a message to everybody on the testbed's topic, in your user's name; it is recorded.

    For announcements and tests. A type that steers agents (stf_gen, end_run, run_workflow, ...) is
    refused: start_workflow and stop_workflow do that. Needs the role operator. Next:
    list_messages(message_type=...) shows it once it is recorded.
    """
    if message_type in CATALOGUE:
        raise ToolError(
            f"{message_type} is a message of the testbed's own programs, which would act on it. "
            "Use another message_type, or start_workflow and stop_workflow."
        )
    if metadata is not None and len(json.dumps(metadata)) > 10_000:
        raise ToolError("metadata is too long: 10000 characters of JSON at most.")
    content = Message.model_validate(
        {
            "msg_type": message_type,
            "namespace": settings.TESTBED_NAMESPACE,
            "sender": sender_of(caller.name),
            "message": message,
            **given(metadata=metadata),
        }
    )
    with or_else("get_system_state shows whether the broker is connected"):
        control().send(EPICTOPIC, content)
    log.info("%s sent a message of type %s: %s", caller.name, message_type, content.message_id)
    return Sent(
        message_id=content.message_id,
        message_type=message_type,
        sender=sender_of(caller.name),
        namespace=settings.TESTBED_NAMESPACE,
        sent_at=content.timestamp,
    )


def list_logs(
    app_name: Annotated[str | None, Field(description="exactly this application")] = None,
    instance_name: Annotated[str | None, Field(description="exactly this instance")] = None,
    execution_id: Annotated[str | None, Field(description="of this execution")] = None,
    level: Annotated[
        str | None,
        Field(description="this level and above: DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    ] = None,
    search: Annotated[
        str | None,
        Field(
            min_length=logs.SHORTEST_SEARCH,
            max_length=200,
            description="a part of the message, in any case",
        ),
    ] = None,
    start_time: Start = None,
    end_time: End = None,
    limit: Many = 200,
) -> Page[LogSummary]:
    """Log records of agents and monitor, newest first; by default of the last 24 hours.

    To find out why something failed start with level='WARNING' and execution_id or
    instance_name. Next: get_log_entry for all of one record.
    """
    rows = AppLog.objects.filter(
        **window(start_time, end_time, DAY).of("timestamp"),
        **given(
            app_name=app_name,
            instance_name=instance_name,
            execution_id=execution_id,
            level__gte=None if level is None else _level(level),
        ),
    )
    if search is not None:
        rows = logs.containing(search, rows)
    return page(rows.order_by("-id"), limit, LogSummary)


def get_log_entry(
    log_id: Annotated[int, Field(ge=0, le=2**63 - 1, description="the id, from list_logs")],
) -> LogEntry:
    """One log record with process, thread and further data (`extra_data`).

    Next: list_logs(instance_name=..., start_time=..., end_time=...) for what came around it.
    """
    row = row_or_error(AppLog.objects.filter(id=log_id), "log record", log_id, "list_logs")
    return LogEntry.model_validate(row)


def _message(row: Any) -> MessageSummary:
    summary = cut(row.beginning, SUMMARY_LENGTH, row.characters)
    return made(MessageSummary, row, payload_summary=summary)


def _level(text: str) -> int:
    try:
        return LEVELS[text.strip().upper()]
    except KeyError:
        raise ToolError(
            f"{text!r:.60} is no level; there are: {', '.join([*reversed(LEVELS)][1:])}"
        ) from None


READING = (list_messages, list_logs, get_log_entry)
ACTING = (send_message,)
