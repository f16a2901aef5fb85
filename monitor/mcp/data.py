"""Tools of the category Data: runs, STF files and TF slices."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from monitor.mcp.lists import (
    NEWEST_OF_FEW,
    Few,
    Item,
    Many,
    Page,
    Record,
    given,
    made,
    one_of,
    page,
)
from monitor.mcp.texts import UntrustedJson
from monitor.mcp.times import End, Start, window
from monitor.mcp.tools import row_or_error
from monitor.records.models import Run, StfFile, TFSlice
from monitor.records.queries import data
from swf_common.protocol.message import UtcTime
from swf_common.protocol.states import FileStatus, SliceStatus

DAY = timedelta(hours=24)
WEEK = timedelta(days=7)
LARGEST = 2**63 - 1
Number = Annotated[int, Field(ge=0, le=LARGEST, description="a run number, from list_runs")]
SomeNumber = Annotated[int | None, Field(ge=0, le=LARGEST, description="of this run only")]


class RunSummary(Record):
    """A run of the DAQ."""

    run_number: int
    start_time: UtcTime
    end_time: UtcTime | None = Field(description="null while it is open")
    duration_seconds: float | None = Field(description="null while it is open")
    stf_file_count: int


class RunDetails(RunSummary):
    """A run with its conditions, and its STF files by status."""

    run_conditions: UntrustedJson
    file_stats: dict[str, int] = Field(
        description="STF files by status: registered, processing, processed, failed, done"
    )


class StfSummary(Record):
    """A super time frame's file."""

    file_id: UUID
    stf_filename: str
    run_number: int
    status: str = Field(description="registered, processing, processed, failed or done")
    machine_state: str
    file_size_bytes: int | None
    tf_count: int | None = Field(description="time frames in it")
    tf_file_count: int = Field(description="TF samples that were taken from it")
    created_at: UtcTime


class StfDetails(StfSummary):
    """All that is known of an STF file."""

    checksum: str | None
    daq_state: str | None
    daq_substate: str | None
    workflow_id: UUID | None
    workflow_status: str | None
    metadata: UntrustedJson


class SliceSummary(Record):
    """A slice: time frames of one TF sample that one worker processes at once."""

    slice_id: int = Field(description="serial within the TF sample")
    tf_filename: str
    stf_filename: str
    run_number: int
    tf_first: int = Field(description="first time frame, counted in the STF from 0")
    tf_last: int = Field(description="last time frame, inclusive")
    tf_count: int
    status: str = Field(description="queued, processing, completed or failed")
    assigned_worker: str | None
    created_at: UtcTime
    completed_at: UtcTime | None


class SliceDetails(SliceSummary):
    """All that is known of a slice."""

    retries: int
    assigned_at: UtcTime | None
    metadata: UntrustedJson


def list_runs(start_time: Start = None, end_time: End = None, limit: Few = 100) -> Page[RunSummary]:
    """Runs, highest number first; by default those that started in the last 7 days.

    Next: get_run, or list_stf_files(run_number=...).
    """
    rows = data.runs().filter(**window(start_time, end_time, WEEK).of("start_time"))
    return page(rows.order_by("-run_number"), limit, RunSummary, lambda row: _run(row, RunSummary))


def get_run(run_number: Number) -> RunDetails:
    """One run: its times, its conditions, and how many of its STF files have which status.

    Next: list_stf_files(run_number=...), list_messages for what was said.
    """
    row = row_or_error(Run.objects.filter(run_number=run_number), "run", run_number, "list_runs")
    stats = data.stf_statuses(row)
    return _run(row, RunDetails, stf_file_count=sum(stats.values()), file_stats=stats)


def list_stf_files(
    run_number: SomeNumber = None,
    status: Annotated[str | None, Field(description="a file status, in any case")] = None,
    machine_state: Annotated[str | None, Field(description="such as physics, in any case")] = None,
    start_time: Start = None,
    end_time: End = None,
    limit: Few = 100,
) -> Page[StfSummary]:
    """STF files, newest first; of the last 24 hours unless run_number is given.

    Next: get_stf_file, list_tf_slices(stf_filename=...).
    """
    usual = DAY if run_number is None else None
    rows = data.stf_files().filter(
        **window(start_time, end_time, usual).of("created_at"),
        **given(
            run__run_number=run_number,
            status=None if status is None else one_of(status, FileStatus),
            machine_state__iexact=machine_state,
        ),
    )
    newest = rows.order_by("-created_at", "-stf_filename")
    return page(newest, limit, StfSummary, lambda row: _stf(row, StfSummary))


def get_stf_file(
    file_id: Annotated[UUID | None, Field(description="from list_stf_files")] = None,
    stf_filename: Annotated[str | None, Field(description="such as swf.100010.000001.stf")] = None,
) -> StfDetails:
    """One STF file, by its id or its name: give one of the two.

    Next: list_tf_slices(stf_filename=...).
    """
    if file_id is None and stf_filename is None:
        raise ToolError("Give file_id or stf_filename; list_stf_files has both.")
    rows = data.stf_files().filter(**given(file_id=file_id, stf_filename=stf_filename))
    row = row_or_error(rows, "STF file", stf_filename or file_id, "list_stf_files")
    return _stf(row, StfDetails)


def list_tf_slices(
    run_number: SomeNumber = None,
    stf_filename: Annotated[str | None, Field(description="exactly this STF file")] = None,
    tf_filename: Annotated[str | None, Field(description="exactly this TF sample")] = None,
    status: Annotated[str | None, Field(description="a slice status, in any case")] = None,
    assigned_worker: Annotated[str | None, Field(description="exactly this worker")] = None,
    start_time: Start = None,
    end_time: End = None,
    limit: Many = 200,
) -> Page[SliceSummary]:
    """TF slices, newest first; of the last 24 hours unless a run, STF file or TF sample is given.

    Next: get_tf_slice(tf_filename, slice_id).
    """
    everything = (run_number, stf_filename, tf_filename) == (None, None, None)
    rows = TFSlice.objects.filter(
        **window(start_time, end_time, DAY if everything else None).of("created_at"),
        **given(
            run_number=run_number,
            stf_filename=stf_filename,
            tf_filename=tf_filename,
            assigned_worker=assigned_worker,
            status=None if status is None else one_of(status, SliceStatus),
        ),
    )
    return page(rows.order_by("-id" if everything else NEWEST_OF_FEW), limit, SliceSummary)


def get_tf_slice(
    tf_filename: Annotated[str, Field(description="the TF sample, from list_tf_slices")],
    slice_id: Annotated[int, Field(ge=0, le=2**31 - 1, description="serial within the sample")],
) -> SliceDetails:
    """One TF slice: who processes it, when, and how often it was tried.

    A slice is named by its TF sample and its number in it; list_tf_slices has both.
    """
    rows = TFSlice.objects.filter(tf_filename=tf_filename, slice_id=slice_id)
    name = f"{slice_id} of {tf_filename}"
    return SliceDetails.model_validate(row_or_error(rows, "slice", name, "list_tf_slices"))


def _run(row: Run, kind: type[Item], **more: Any) -> Item:
    duration = (row.end_time - row.start_time).total_seconds() if row.end_time else None
    return made(kind, row, duration_seconds=duration, **more)


def _stf(row: StfFile, kind: type[Item]) -> Item:
    return made(kind, row, run_number=row.run.run_number)


READING = (list_runs, get_run, list_stf_files, get_stf_file, list_tf_slices, get_tf_slice)
ACTING = ()
