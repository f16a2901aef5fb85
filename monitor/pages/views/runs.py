"""A run, and its histograms."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from monitor.pages.access import readers
from monitor.pages.cells import Cell
from monitor.pages.drawing.histogram import draw
from monitor.pages.links import listed, table, tables_of, to
from monitor.pages.lists.files import SAMPLES, SLICES
from monitor.pages.lists.workflows import RUNS
from monitor.pages.views.record_page import may_change, record_page, row_or_404
from monitor.records.models import FastMonFile, Run, RunHistograms, RunState, StfFile
from monitor.records.queries.data import newest_slices, samples, stf_statuses
from monitor.records.queries.executions import of_run, seconds_of

SHOWN = 20
"""TF samples and slices on the page of a run: the newest, of slices those that failed first."""
COMPARED = 50
"""Runs that are offered for comparison: the newest."""


@readers
def run(request: HttpRequest, run_number: int) -> HttpResponse:
    """A run."""
    row = row_or_404(Run.objects.all(), "run", run_number=run_number)
    state = RunState.objects.filter(run_number=run_number).first()
    execution = of_run(run_number)
    statuses = stf_statuses(row).items()
    counts = ", ".join(f"{count} {status}" for status, count in statuses if count)
    facts = [
        (
            "Execution",
            Cell(
                execution and execution.execution_id,
                href=to("execution", execution and execution.pk),
            ),
        ),
        ("Started", Cell(row.start_time, "time")),
        ("Ended", Cell(row.end_time, "time")),
        ("Time", Cell(seconds_of(row), "duration")),
        ("STF files", Cell(counts or "none", href=listed("stf-files", run_number=run_number))),
    ]
    if state is not None:
        facts += [
            ("Phase", Cell(state.phase, "state")),
            ("State", Cell(" ".join(filter(None, (state.state, state.substate))), "state")),
            ("TF samples", Cell(state.stf_samples_received, "number")),
            ("Slices", Cell(_slices(state))),
            (
                "Workers",
                Cell(f"{state.active_worker_count} at work, {state.target_worker_count} wanted"),
            ),
        ]
    return record_page(
        request,
        RUNS,
        f"Run {run_number}",
        facts,
        state="ended" if row.end_time else "running",
        related=[
            ("Histograms", str(to("histograms", run_number))),
            ("STF files", listed("stf-files", run_number=run_number)),
            *tables_of(run_number),
            ("State events", table("systemstateevent", run_number=run_number)),
            ("Messages", listed("messages", run_id=run_number)),
        ],
        documents=[("Conditions", row.run_conditions)],
        template="pages/run.html",
        tables=[
            (
                title,
                table(model, run_number=run_number),
                columns,
                [[column.cell(row) for column in columns] for row in rows],
            )
            for title, model, columns, rows in (
                ("TF samples", "fastmonfile", SAMPLES, _newest_samples(run_number)),
                ("TF slices", "tfslice", SLICES, newest_slices(run_number, SHOWN)),
            )
            if rows
        ],
        live="message" if may_change(row.end_time) else "",
    )


def _newest_samples(run_number: int) -> list[FastMonFile]:
    """The samples of the run's newest STFs: an order over all samples would walk through those of
    later runs.
    """
    newest = StfFile.objects.filter(run__run_number=run_number, tf_files__isnull=False)
    stfs = newest.order_by("-stf_filename").values_list("pk", flat=True).distinct()[:SHOWN]
    rows = samples().filter(stf_file__in=list(stfs))
    return list(rows.order_by("-created_at", "-tf_filename")[:SHOWN])


def _slices(state: RunState) -> str:
    return (
        f"{state.slices_completed} completed of {state.slices_created}, {state.slices_queued} "
        f"queued, {state.slices_processing} in work, {state.slices_failed} failed"
    )


@readers
def histograms(request: HttpRequest, run_number: int) -> HttpResponse:
    """The histograms of a run, as far as it has come; `?with=` another run lies over them."""
    row = row_or_404(Run.objects.all(), "run", run_number=run_number)
    mine = RunHistograms.objects.filter(run_number=run_number).first()
    others = [
        number
        for number in RunHistograms.objects.order_by("-run_number").values_list(
            "run_number", flat=True
        )[:COMPARED]
        if number != run_number
    ]
    other = _compared(request.GET.get("with"))
    scale = mine.tfs / other.tfs if mine and other and other.tfs else 1.0
    context = {
        "run": row,
        "execution": of_run(run_number),
        "mine": mine,
        "other": other,
        "others": others,
        "scale": scale,
        "stf_count": StfFile.objects.filter(run=row, metadata__has_key="tf_files").count(),
        "drawings": [
            draw(name, content, other.histograms.get(name) if other else None, scale)
            for name, content in sorted(mine.histograms.items(), key=_general_first)
        ]
        if mine
        else [],
        "live": may_change(row.end_time),
    }
    return render(request, "pages/histograms.html", context)


def _general_first(one: tuple[str, Any]) -> tuple[bool, str]:
    """The order of histograms: those of all subdetectors before those of a single one."""
    return "/" in one[0], one[0]


def _compared(text: str | None) -> RunHistograms | None:
    if not text:
        return None
    known = text.isascii() and text.isdecimal() and len(text) < 19
    other = RunHistograms.objects.filter(run_number=int(text)).first() if known else None
    if other is None:
        raise Http404(f"run {text[:30]} has no histograms to compare with")
    return other
