"""The list of STF files, and what a run shows of its TF samples and slices."""

from __future__ import annotations

from typing import Any

from monitor.api.filters import StfFileFilter
from monitor.pages.cells import Column, span
from monitor.pages.links import recorded, table, to
from monitor.pages.lists.listing import Listing
from monitor.records.queries.data import stf_files
from swf_common.protocol.json_values import as_object


def failure_of(row: Any) -> Any:
    """Why an STF file failed, if it did."""
    return as_object(row.metadata).get("failure")


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
            link=lambda f: table("fastmonfile", stf_file=f.pk),
        ),
        Column("Registered", "created_at", "time", sort="created_at"),
        Column("Failure", failure_of, "long"),
    ),
    filters=StfFileFilter,
    offered=("stf_filename", "run_number", "status", "since", "until"),
    order="-created_at",
)

SAMPLES = (
    Column("TF sample", "tf_filename", link=lambda f: recorded("fastmonfile", f.pk)),
    Column("STF file", "stf_file.stf_filename", link=lambda f: to("stf-file", f.stf_file_id)),
    Column("Status", "status", "state"),
    Column("TFs", "tf_count", "number"),
    Column("Range", time_frames, "code"),
    Column("Size", "file_size_bytes", "bytes"),
    Column("Registered", "created_at", "time"),
)
SLICES = (
    Column("Slice", "id", "code", link=lambda s: recorded("tfslice", s.pk)),
    Column("TF sample", "tf_filename", link=lambda s: recorded("fastmonfile", s.fastmon_file_id)),
    Column("No.", "slice_id", "number"),
    Column("TFs", time_frames, "code"),
    Column("Status", "status", "state"),
    Column("Retries", "retries", "number"),
    Column("Worker", "assigned_worker", "code"),
    Column("Created", "created_at", "time"),
    Column("Took", lambda s: span(s.created_at, s.completed_at), "duration"),
    Column("Failure", "failure", "long"),
)
