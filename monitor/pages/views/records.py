"""The page of one record: its facts, its documents, and where to go from there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from monitor.pages.access import readers
from monitor.pages.cells import Cell
from monitor.pages.links import linked, listed, to
from monitor.pages.lists.agents import NAMESPACES, SUBSCRIBERS, WORKERS
from monitor.pages.lists.files import STF_FILES, TF_SAMPLES, TF_SLICES, failure_of, time_frames
from monitor.pages.lists.listing import Listing
from monitor.pages.lists.traffic import LOGS, MESSAGES, STATE_EVENTS
from monitor.records.models import (
    AppLog,
    FastMonFile,
    Namespace,
    StfFile,
    Subscriber,
    SystemAgent,
    SystemStateEvent,
    TFSlice,
    Worker,
    WorkflowExecution,
    WorkflowMessage,
)

AROUND = 15
"""Log lines before and after a line, of the same instance."""


def found(rows: QuerySet[Any], what: str, **key: Any) -> Any:
    """The row with a key.

    :raises Http404: there is none
    """
    row = rows.filter(**key).first()
    if row is None:
        raise Http404(f"there is no {what} {next(iter(key.values()))}")
    return row


def document(value: Any) -> str:
    """A JSON value for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def record_page(
    request: HttpRequest,
    listing: Listing,
    title: str,
    facts: Sequence[tuple[str, Cell]],
    *,
    state: str | None = None,
    related: Sequence[tuple[str, str]] = (),
    documents: Sequence[tuple[str, Any]] = (),
    template: str = "pages/record.html",
    live: str = "",
    **more: Any,
) -> HttpResponse:
    """A record's page.

    :param listing: the list that it stands in
    :param documents: JSON values or texts, each with its heading; empty ones are left out
    :param live: kinds of the stream's events after which the page may have changed
    """
    context = {
        "list_title": listing.title,
        "list_href": listed(listing.name),
        "title": title,
        "facts": facts,
        "state": Cell(state, "state") if state else None,
        "related": related,
        "live": live,
        "documents": [
            (heading, value if isinstance(value, str) else document(value))
            for heading, value in documents
            if value not in (None, "", {}, [])
        ],
        **more,
    }
    return render(request, template, context)


@readers
def message(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """A recorded message."""
    row = found(WorkflowMessage.objects.all(), "message", message_id=message_id)
    return record_page(
        request,
        MESSAGES,
        f"{row.message_type} from {row.sender_agent or 'an unknown sender'}",
        [
            (
                "Type",
                Cell(row.message_type, "code", listed("messages", message_type=row.message_type)),
            ),
            ("Message id", Cell(row.message_id, "code")),
            ("Sender", _writer(row.sender_agent)),
            ("Sent", Cell(row.sent_at, "time")),
            ("Recorded", Cell(row.recorded_at, "time")),
            ("Execution", linked("execution", row.execution_id)),
            ("Run", Cell(row.run_id, "code", _run_of(row.run_id))),
            ("Namespace", Cell(row.namespace)),
            ("Queue", Cell(row.queue_name, "code")),
            ("Recipient", Cell(row.recipient_agent)),
            ("Correlation id", Cell(row.correlation_id, "code")),
        ],
        related=[
            ("Messages of this execution", listed("messages", execution_id=row.execution_id)),
            ("Messages of this sender", listed("messages", sender_agent=row.sender_agent)),
        ],
        documents=[("Content", row.message_content), ("Headers", row.message_metadata)],
    )


@readers
def log(request: HttpRequest, number: int) -> HttpResponse:
    """A log record, with the lines around it."""
    row = found(AppLog.objects.all(), "log record", pk=number)
    same = AppLog.objects.filter(instance_name=row.instance_name)
    before = list(same.filter(pk__lt=number).order_by("-id")[:AROUND])
    after = list(same.filter(pk__gt=number).order_by("id")[:AROUND])
    return record_page(
        request,
        LOGS,
        f"Log line of {row.instance_name}",
        [
            ("Time", Cell(row.timestamp, "time")),
            ("From", _writer(row.instance_name)),
            ("Logger", Cell(row.app_name)),
            ("Place", Cell(f"{row.module}:{row.lineno} {row.funcname}", "code")),
            ("Execution", linked("execution", row.execution_id)),
            ("Run", Cell(row.run_id, "code", _run_of(row.run_id))),
            ("Namespace", Cell(row.namespace)),
            ("Process, thread", Cell(f"{row.process}, {row.thread}", "code")),
        ],
        state=row.levelname,
        related=[
            ("All lines of this instance", listed("logs", instance_name=row.instance_name)),
            ("All lines of this execution", listed("logs", execution_id=row.execution_id)),
        ],
        documents=[("Message", row.message), ("Further facts", row.extra_data)],
        template="pages/log.html",
        here=row,
        around=[*reversed(before), row, *after],
    )


@readers
def stf_file(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """An STF file."""
    row = found(StfFile.objects.select_related("run"), "STF file", file_id=file_id)
    metadata = row.metadata if isinstance(row.metadata, dict) else {}
    run = row.run.run_number
    return record_page(
        request,
        STF_FILES,
        row.stf_filename,
        [
            ("Failure", Cell(failure_of(row), "long")),
            ("Run", linked("run", run, "code")),
            (
                "Execution",
                linked("execution", metadata.get("execution_id")),
            ),
            ("Size", Cell(row.file_size_bytes, "bytes")),
            ("Time frames", Cell(row.tf_count, "number")),
            ("Checksum", Cell(row.checksum, "code")),
            ("Where", Cell(metadata.get("file_url"), "code")),
            ("Machine state", Cell(row.machine_state)),
            ("DAQ state", Cell(" ".join(filter(None, (row.daq_state, row.daq_substate))))),
            ("Registered", Cell(row.created_at, "time")),
            ("File id", Cell(row.file_id, "code")),
        ],
        state=row.status,
        related=[
            ("TF samples", listed("tf-samples", stf_filename=row.stf_filename)),
            ("TF slices", listed("tf-slices", stf_filename=row.stf_filename)),
            ("STF files of this run", listed("stf-files", run_number=run)),
        ],
        documents=[("Metadata", row.metadata)],
    )


@readers
def tf_sample(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """A TF sample."""
    row = found(
        FastMonFile.objects.select_related("stf_file__run"), "TF sample", tf_file_id=file_id
    )
    run = row.stf_file.run.run_number
    return record_page(
        request,
        TF_SAMPLES,
        row.tf_filename,
        [
            ("STF file", Cell(row.stf_file.stf_filename, href=to("stf-file", row.stf_file_id))),
            ("Run", linked("run", run, "code")),
            ("Time frames", Cell(row.tf_count, "number")),
            ("Range in the STF", Cell(time_frames(row), "code")),
            ("Size", Cell(row.file_size_bytes, "bytes")),
            ("Checksum", Cell(row.checksum, "code")),
            ("Registered", Cell(row.created_at, "time")),
            ("File id", Cell(row.tf_file_id, "code")),
        ],
        state=row.status,
        related=[
            ("TF slices", listed("tf-slices", tf_filename=row.tf_filename)),
            (
                "TF samples of this STF",
                listed("tf-samples", stf_filename=row.stf_file.stf_filename),
            ),
        ],
        documents=[("Metadata", row.metadata)],
    )


@readers
def tf_slice(request: HttpRequest, number: int) -> HttpResponse:
    """A TF slice."""
    row = found(TFSlice.objects.all(), "TF slice", pk=number)
    return record_page(
        request,
        TF_SLICES,
        f"Slice {row.slice_id} of {row.tf_filename}",
        [
            ("Failure", Cell(failure_of(row), "long")),
            ("TF sample", Cell(row.tf_filename, href=to("tf-sample", row.fastmon_file_id))),
            (
                "STF file",
                Cell(row.stf_filename, href=listed("stf-files", stf_filename=row.stf_filename)),
            ),
            ("Run", linked("run", row.run_number, "code")),
            ("Time frames", Cell(f"{time_frames(row)} ({row.tf_count})", "code")),
            ("Retries", Cell(row.retries, "number")),
            ("Worker", Cell(row.assigned_worker, "code")),
            ("Created", Cell(row.created_at, "time")),
            ("Assigned", Cell(row.assigned_at, "time")),
            ("Completed", Cell(row.completed_at, "time")),
        ],
        state=row.status,
        related=[("Slices of this sample", listed("tf-slices", tf_filename=row.tf_filename))],
        documents=[("Metadata", row.metadata)],
    )


@readers
def worker(request: HttpRequest, worker_id: str) -> HttpResponse:
    """A worker."""
    row = found(Worker.objects.all(), "worker", worker_id=worker_id)
    return record_page(
        request,
        WORKERS,
        row.worker_id,
        [
            ("Run", linked("run", row.run_number, "code")),
            ("Location", Cell(row.location, "code")),
            ("Job", Cell(row.panda_job, "code")),
            ("Slices completed", Cell(row.slices_completed, "number")),
            ("At work on slice", Cell(row.current_slice_id, "number")),
            ("of TF sample", Cell(row.tf_filename)),
            ("Last heartbeat", Cell(row.last_heartbeat, "time")),
            ("Started", Cell(row.started_at, "time")),
            ("Ended", Cell(row.ended_at, "time")),
        ],
        state=row.status,
        related=[("Its slices", listed("tf-slices", assigned_worker=row.worker_id))],
        documents=[("Metadata", row.metadata)],
    )


@readers
def state_event(request: HttpRequest, number: int) -> HttpResponse:
    """An event of the system's state."""
    row = found(SystemStateEvent.objects.all(), "state event", pk=number)
    return record_page(
        request,
        STATE_EVENTS,
        f"{row.event_type}, run {row.run_number}",
        [
            ("Time", Cell(row.timestamp, "time")),
            ("Run", linked("run", row.run_number, "code")),
            ("State", Cell(row.state, "state")),
            ("Substate", Cell(row.substate, "state")),
        ],
        related=[("Events of this run", listed("state-events", run_number=row.run_number))],
        documents=[("Facts", row.event_data)],
    )


@readers
def subscriber(request: HttpRequest, number: int) -> HttpResponse:
    """A subscriber."""
    row = found(Subscriber.objects.all(), "subscriber", pk=number)
    return record_page(
        request,
        SUBSCRIBERS,
        row.subscriber_name,
        [
            ("Description", Cell(row.description, "long")),
            ("Delivery", Cell(row.delivery_type)),
            ("Active", Cell(row.is_active, "flag")),
            ("Fraction", Cell(row.fraction, "number")),
            ("Client", Cell(row.client_ip, "code")),
            ("Location", Cell(row.client_location)),
            ("Messages received", Cell(row.messages_received, "number")),
            ("Messages sent", Cell(row.messages_sent, "number")),
            ("Messages dropped", Cell(row.messages_dropped, "number")),
            ("Connected", Cell(row.connected_at, "time")),
            ("Disconnected", Cell(row.disconnected_at, "time")),
            ("Last activity", Cell(row.last_activity, "time")),
            ("Created", Cell(row.created_at, "time")),
        ],
        documents=[("Filters", row.message_filters)],
    )


@readers
def namespace(request: HttpRequest, name: str) -> HttpResponse:
    """A namespace; also one that nobody has announced, as long as something has used it."""
    row = Namespace.objects.filter(name=name).first()
    used: tuple[type[Model], ...] = (SystemAgent, WorkflowExecution, WorkflowMessage)
    if row is None and not any(model.objects.filter(namespace=name).exists() for model in used):  # type: ignore[attr-defined]
        raise Http404(f"nothing has used the namespace {name}")
    return record_page(
        request,
        NAMESPACES,
        name,
        [
            ("Owner", Cell(row.owner if row else "nobody has announced it")),
            ("Description", Cell(row.description if row else None, "long")),
            ("Agents", Cell(SystemAgent.objects.filter(namespace=name).count(), "number")),
            (
                "Executions",
                Cell(WorkflowExecution.objects.filter(namespace=name).count(), "number"),
            ),
            ("Announced", Cell(row.created_at if row else None, "time")),
            ("Changed", Cell(row.updated_at if row else None, "time")),
        ],
        related=[
            ("Agents", listed("agents", namespace=name)),
            ("Executions", listed("executions", namespace=name)),
            ("Messages", listed("messages", namespace=name)),
            ("Logs", listed("logs", namespace=name)),
        ],
        documents=[("Metadata", row.metadata if row else None)],
    )


def _writer(name: str | None) -> Cell:
    """Who wrote something: an agent has a page, people and the monitor itself have none."""
    known = name and SystemAgent.objects.filter(instance_name=name).exists()
    return Cell(name, href=to("agent", name) if known else None)


def _run_of(text: str | None) -> str | None:
    return to("run", int(text)) if text and text.isdecimal() and len(text) < 19 else None
