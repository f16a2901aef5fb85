"""Lists of data: STF files, the TF samples taken from them, and their slices."""

from __future__ import annotations

from typing import Any

from monitor.api.filters import FastMonFileFilter, StfFileFilter, TFSliceFilter
from monitor.pages.cells import Column, span
from monitor.pages.links import listed, to
from monitor.pages.lists.listing import Listing
from monitor.records.json_values import as_object
from monitor.records.models import FastMonFile, TFSlice
from monitor.records.queries.data import stf_files


def failure_of(row: Any) -> Any:
    """Why a file or slice failed, if it did."""
    found = as_object(row.metadata)
    return found.get("failure") or found.get("failures")


def time_frames(row: Any) -> str | None:
    """A range of time frames, counted in the STF."""
    return None if row.tf_first is None else f"{row.tf_first}-{row.tf_last}"


STF_FILES = Listing(
    name="stf-files",
    title="STF files",
    about="Super time frames that the data agent has registered.",
    rows=stf_files,
    columns=(
        Column(
            "STF file",
            "stf_filename",
            link=lambda f: to("stf-file", f.file_id),
            sort="stf_filename",
        ),
        Column("Run", "run.run_number", "code", link=lambda f: to("run", f.run.run_number)),
        Column("Status", "status", "state"),
        Column("Size", "file_size_bytes", "bytes"),
        Column("TFs", "tf_count", "number"),
        Column(
            "TF samples",
            "tf_file_count",
            "number",
            link=lambda f: listed("tf-samples", stf_filename=f.stf_filename),
        ),
        Column("Registered", "created_at", "time", sort="created_at"),
        Column("Failure", failure_of, "long"),
    ),
    filters=StfFileFilter,
    offered=("stf_filename", "run_number", "status", "since", "until"),
    order="-created_at",
)

TF_SAMPLES = Listing(
    name="tf-samples",
    title="TF samples",
    about="Files with some time frames of an STF, taken by fast monitoring.",
    rows=lambda: FastMonFile.objects.select_related("stf_file__run"),
    columns=(
        Column(
            "TF sample",
            "tf_filename",
            link=lambda f: to("tf-sample", f.tf_file_id),
            sort="tf_filename",
        ),
        Column("STF file", "stf_file.stf_filename", link=lambda f: to("stf-file", f.stf_file_id)),
        Column(
            "Run",
            "stf_file.run.run_number",
            "code",
            link=lambda f: to("run", f.stf_file.run.run_number),
        ),
        Column("Status", "status", "state"),
        Column("TFs", "tf_count", "number"),
        Column("Range", time_frames, "code"),
        Column("Size", "file_size_bytes", "bytes"),
        Column("Registered", "created_at", "time", sort="created_at"),
    ),
    filters=FastMonFileFilter,
    offered=("tf_filename", "stf_filename", "run_number", "status", "since", "until"),
    order="-created_at",
)

TF_SLICES = Listing(
    name="tf-slices",
    title="TF slices",
    about="Time frames that one worker processes at once.",
    rows=lambda: TFSlice.objects.all(),
    columns=(
        Column("Slice", "id", "code", link=lambda s: to("tf-slice", s.pk), sort="id"),
        Column(
            "TF sample",
            "tf_filename",
            link=lambda s: to("tf-sample", s.fastmon_file_id),
        ),
        Column("No.", "slice_id", "number"),
        Column("Run", "run_number", "code", link=lambda s: to("run", s.run_number)),
        Column("TFs", time_frames, "code"),
        Column("Status", "status", "state"),
        Column("Retries", "retries", "number"),
        Column("Worker", "assigned_worker", "code"),
        Column("Created", "created_at", "time", sort="created_at"),
        Column("Took", lambda s: span(s.created_at, s.completed_at), "duration"),
        Column("Failure", failure_of, "long"),
    ),
    filters=TFSliceFilter,
    offered=(
        "tf_filename",
        "stf_filename",
        "run_number",
        "status",
        "assigned_worker",
        "since",
        "until",
    ),
    order="-id",
)
