"""The page of an STF file."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from monitor.pages.access import readers
from monitor.pages.cells import Cell
from monitor.pages.links import linked, listed, table
from monitor.pages.lists.files import STF_FILES, failure_of
from monitor.pages.views.record_page import record_page, row_or_404
from monitor.records.models import StfFile
from swf_common.protocol.json_values import as_object


@readers
def stf_file(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """An STF file."""
    row = row_or_404(StfFile.objects.select_related("run"), "STF file", file_id=file_id)
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
            ("TF samples", table("fastmonfile", stf_file=row.pk)),
            ("TF slices", table("tfslice", stf_filename=row.stf_filename)),
            ("STF files of this run", listed("stf-files", run_number=run)),
        ],
        documents=[("Metadata", row.metadata)],
    )
