"""The pages of data and of who processed them: STF files, TF samples, TF slices, workers."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from monitor.pages.access import readers
from monitor.pages.cells import Cell
from monitor.pages.links import linked, listed, to
from monitor.pages.lists.agents import WORKERS
from monitor.pages.lists.files import STF_FILES, TF_SAMPLES, TF_SLICES, failure_of, time_frames
from monitor.pages.views.record_page import found, record_page
from monitor.records.json_values import as_object
from monitor.records.models import FastMonFile, StfFile, TFSlice, Worker


@readers
def stf_file(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """An STF file."""
    row = found(StfFile.objects.select_related("run"), "STF file", file_id=file_id)
    metadata = as_object(row.metadata)
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
