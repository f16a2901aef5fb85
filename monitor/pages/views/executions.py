"""An execution: how far it is, its timeline, its expectations, and what it was run with."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from monitor.control.draining import report_of
from monitor.pages import expectations
from monitor.pages.access import may_act, readers
from monitor.pages.cells import Cell
from monitor.pages.drawing.timeline import BINS, MOST_MARKS, Lane, Segment, Timeline, draw
from monitor.pages.links import linked, listed, tables_of, to
from monitor.pages.views.progress import recent_progress
from monitor.pages.views.record_page import may_change, row_or_404
from monitor.records.models import AppLog, WorkflowExecution
from monitor.records.queries import activity
from monitor.records.queries.executions import executions, orphaned, seconds_of
from swf_common.configuration.model import NOT_PARAMETERS
from swf_common.configuration.suggestions import as_toml
from swf_common.protocol.json_values import as_object

LANES = (
    ("stf_gen", "STFs generated", "busy"),
    ("stf_ready", "STFs registered", "busy"),
    ("processing_complete", "STFs processed", "ok"),
    ("tf_file_registered", "TF samples", "busy"),
    ("slice", "slices sent", "busy"),
    ("slice_result", "slice results", "ok"),
    ("slice_results", "batches of results", "ok"),
)
"""The messages that the timeline counts, in the order of their work."""
TONES = {
    "STARTING": "warn",
    "READY": "plain",
    "PROCESSING": "busy",
    "run physics": "ok",
    "run standby": "warn",
}
ENDED = ("EXITED", activity.RUN_ENDED)
"""States after which there is nothing to draw."""
LOG_LINES = 8
SHORTEST_S = 0.001
"""Seconds of the least part of a timeline."""


@readers
def execution(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The page of one execution."""
    row = row_or_404(executions(), "execution", execution_id=execution_id)
    whole = activity.whole_period(row)
    begin, end = _zoom(request, whole.seconds)
    metrics = as_object(row.performance_metrics)
    resolved = as_object(row.parameter_values)
    report = as_object(metrics.get("report")) or None
    progress = recent_progress(row)
    live = report is None and may_change(row.end_time)
    context = {
        "execution": row,
        "progress": progress,
        "facts": _facts(row),
        "state": Cell(row.status, "state"),
        "timeline": _timeline(row, whole, begin, end),
        "zoom": _zoom_links(begin, end, whole.seconds),
        "report": report,
        "verdict": report_of(row),
        "live": live,
        "metrics": [
            (".".join(path), value)
            for path, value in _flat(metrics, ())
            if path and path[0] not in ("report", "incidents")
        ],
        "expectations": expectations.reported(report)
        if report
        else expectations.counted(resolved.get("expect"), progress, settled=not live),
        "configuration": _configuration(resolved),
        "related": _related(row),
        "log": _log_lines(row),
        "may_act": may_act(request.user),
        "orphaned": orphaned(row),
    }
    return render(request, "pages/execution.html", context)


def _facts(row: WorkflowExecution) -> list[tuple[str, Cell]]:
    definition = row.workflow_definition
    workflow = as_object(as_object(row.parameter_values).get("workflow"))
    return [
        ("Reason", Cell(row.reason)),
        (
            "Workflow",
            Cell(
                f"{definition.workflow_name} {definition.version}",
                href=to("definition", definition.pk),
            ),
        ),
        ("Configuration", Cell(workflow.get("config"), "code")),
        ("Mode", Cell("real time" if workflow.get("realtime", True) else "as fast as possible")),
        ("Run", linked("run", row.run_number, "code")),
        ("Started", Cell(row.start_time, "time")),
        ("Ended", Cell(row.end_time, "time")),
        ("Time", Cell(seconds_of(row), "duration")),
        ("By", Cell(row.executed_by)),
        ("Namespace", Cell(row.namespace, href=listed("executions", namespace=row.namespace))),
        ("Runner", linked("agent", row.runner_instance)),
        ("Container", Cell((row.container_id or "")[:12], "code")),
    ]


def _related(row: WorkflowExecution) -> list[tuple[str, str]]:
    links = [
        ("Messages", listed("messages", execution_id=row.execution_id)),
        ("Logs", listed("logs", execution_id=row.execution_id)),
        ("Dead letters", listed("dead-letters", execution_id=row.execution_id)),
    ]
    if row.run_number is not None:
        links += [
            ("STF files", listed("stf-files", run_number=row.run_number)),
            *tables_of(row.run_number),
        ]
        links.append(("Histograms", str(to("histograms", row.run_number))))
    return links


def _log_lines(row: WorkflowExecution) -> list[AppLog]:
    """The newest lines of the execution that are more than information; else its newest ones."""
    lines = AppLog.objects.filter(execution_id=row.execution_id).order_by("-id")
    return list(lines.filter(level__gte=logging.WARNING)[:LOG_LINES]) or list(lines[:LOG_LINES])


def _configuration(resolved: dict[str, Any]) -> list[tuple[str, list[tuple[str, Any, str]]]]:
    """Sections with their keys, values and origins."""
    origins = as_object(resolved.get("origins"))
    parameters = [name for name in resolved if name not in NOT_PARAMETERS]
    sections = []
    for section in dict.fromkeys(("workflow", "expect", *parameters, *resolved)):
        values = resolved.get(section)
        if section == "origins" or values is None:
            continue
        rows: list[tuple[str, Any, str]] = []
        for path, value in _flat(values, ()):
            where = ".".join((section, *path))
            rows.append((".".join(path), as_toml(value), str(origins.get(where, ""))))
        if rows:
            sections.append((section, rows))
    return sections


def _flat(value: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _flat(inner, (*path, str(key)))]
    return [(path, value)]


def _zoom(request: HttpRequest, whole_s: float) -> tuple[float, float]:
    """What part of the time is shown, in seconds after the start: `?from=` and `?to=`."""
    bounds = []
    for name, default in (("from", 0.0), ("to", whole_s)):
        try:
            value = float(request.GET.get(name, default))
        except ValueError:
            value = default
        bounds.append(min(max(value, 0.0), whole_s) if math.isfinite(value) else default)
    begin, end = bounds
    return (begin, end) if end - begin > SHORTEST_S else (0.0, whole_s)


def _zoom_links(begin: float, end: float, whole_s: float) -> list[tuple[str, str]]:
    width, middle = end - begin, (begin + end) / 2
    windows = []
    if width > 0.01:
        windows.append(("Zoom in", middle - width / 4, middle + width / 4))
    if width < whole_s * 0.999:
        windows += [
            ("Zoom out", middle - width, middle + width),
            ("Earlier", begin - width / 2, end - width / 2),
            ("Later", begin + width / 2, end + width / 2),
        ]
    links = [
        (label, f"?from={max(0.0, first):.3f}&to={min(whole_s, last):.3f}#timeline")
        for label, first, last in windows
    ]
    return [*links, ("Whole", "?#timeline")] if width < whole_s * 0.999 else links


def _timeline(row: WorkflowExecution, whole: activity.Period, begin: float, end: float) -> Timeline:
    shown = activity.Period(
        whole.begin + (whole.end - whole.begin) * (begin / whole.seconds if whole.seconds else 0),
        whole.begin + (whole.end - whole.begin) * (end / whole.seconds if whole.seconds else 1),
    )
    lanes = []
    states = activity.run_states(row.execution_id)
    if states:
        lanes.append(Lane("run", to("run", row.run_number), _segments(states, whole, whole.end)))
    counts = activity.counts(row.execution_id, [name for name, _, _ in LANES], shown, BINS)
    for message_type, label, tone in LANES:
        number = sum(counts[message_type])
        href = listed("messages", execution_id=row.execution_id, message_type=message_type)
        if number > MOST_MARKS:
            lanes.append(Lane(label, href, counts=counts[message_type], tone=tone))
        elif number:
            marks = [
                ((one.moment - whole.begin).total_seconds(), one.name)
                for one in activity.moments(row.execution_id, message_type, shown)
            ]
            lanes.append(Lane(label, href, marks=marks, tone=tone))
    for history in activity.agent_histories(row.namespace, whole, shown):
        lanes.append(
            Lane(
                history.instance_name,
                to("agent", history.instance_name),
                _segments(history.changes, whole, min(whole.end, history.known_until)),
            )
        )
    return draw(lanes, begin, end)


def _segments(
    changes: Sequence[activity.StateChange], whole: activity.Period, until: Any
) -> list[Segment]:
    """Changes of state as segments; the last one lasts until `until`."""
    ends = [change.moment for change in changes[1:]] + [until]
    return [
        Segment(
            (change.moment - whole.begin).total_seconds(),
            (end - whole.begin).total_seconds(),
            change.state,
            TONES.get(change.state, "plain"),
        )
        for change, end in zip(changes, ends, strict=True)
        if change.state not in ENDED
    ]
