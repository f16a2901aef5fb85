"""Finding a record by what one knows of it: an id, a name, a number, a text of a log line."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from monitor.pages.access import readers
from monitor.pages.links import listed, recorded, to
from monitor.records.models import (
    FastMonFile,
    Namespace,
    Run,
    StfFile,
    SystemAgent,
    TFSlice,
    Worker,
    WorkflowDefinition,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.queries import logs
from swf_common.protocol.messages import CATALOGUE

LONGEST = 255


@readers
def find(request: HttpRequest) -> HttpResponse:
    """Goes straight to the one record of that name; else shows where to look."""
    text = request.GET.get("q", "").strip()[:LONGEST].replace("\x00", "")
    hits = _hits(text) if text else []
    if len(hits) == 1:
        return redirect(hits[0][1])
    lines = listed("logs", search=text)
    if not hits and len(text) >= logs.SHORTEST_SEARCH and logs.containing(text).exists():
        return redirect(lines)
    context = {
        "text": text,
        "hits": hits,
        "elsewhere": [
            ("Log lines with this text", lines),
            ("Messages of this type", listed("messages", message_type=text)),
            ("Messages of this sender", listed("messages", sender_agent=text)),
        ]
        if text
        else [],
    }
    return render(request, "pages/find.html", context)


def _hits(text: str) -> list[tuple[str, str]]:
    """Records whose key or name is exactly this text: what each is, and its page, or the admin's
    for what has none.
    """
    wanted: list[tuple[str, Any, str, str]] = [
        ("Execution", WorkflowExecution.objects.filter(execution_id=text), "execution", "pk"),
        ("Agent", SystemAgent.objects.filter(instance_name=text), "agent", "instance_name"),
        ("STF file", StfFile.objects.filter(stf_filename=text), "stf-file", "pk"),
        ("TF sample", FastMonFile.objects.filter(tf_filename=text), "", "pk"),
        ("Namespace", Namespace.objects.filter(name=text), "", "pk"),
        ("Worker", Worker.objects.filter(worker_id=text), "", "pk"),
    ]
    if text.isascii() and text.isdecimal() and len(text) < 19:
        number = int(text)
        wanted += [
            ("Run", Run.objects.filter(run_number=number), "run", "run_number"),
            ("TF slice", TFSlice.objects.filter(pk=number), "", "pk"),
        ]
    try:
        key = UUID(text)
    except ValueError:
        pass
    else:
        wanted += [
            ("Message", WorkflowMessage.objects.filter(message_id=key), "message", "message_id"),
            ("STF file", StfFile.objects.filter(file_id=key), "stf-file", "pk"),
            ("TF sample", FastMonFile.objects.filter(tf_file_id=key), "", "pk"),
        ]
    hits = [
        (
            f"{what} {text}",
            str(to(page, getattr(row, name)) if page else recorded(row._meta.model_name, row.pk)),
        )
        for what, rows, page, name in wanted
        if (row := rows.first()) is not None
    ]
    if text in CATALOGUE:
        hits.append((f"Messages of type {text}", listed("messages", message_type=text)))
    if WorkflowDefinition.objects.filter(workflow_name=text).exists():
        hits.append((f"Executions of {text}", listed("executions", workflow_name=text)))
    if SystemAgent.objects.filter(program=text).exists():
        hits.append((f"Agents of {text}", listed("agents", program=text)))
    if len(text) >= 12 and not any(what.startswith("Agent") for what, _ in hits):
        row = SystemAgent.objects.filter(container_id__startswith=text).order_by("-id").first()
        if row is not None:
            hits.append((f"Agent in container {text}", str(to("agent", row.instance_name))))
    return hits
