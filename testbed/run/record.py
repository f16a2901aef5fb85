"""Reports that are kept: the record of a run on disk, and what the monitor has of a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from swf_common.configuration.expectations import Expectation
from swf_common.configuration.model import ExpectSection
from swf_common.errors import ExitCode
from swf_common.protocol.progress import Progress
from testbed.run.report import PastVerdict, Report


def past_verdict(kept: Mapping[str, Any]) -> PastVerdict | None:
    """The verdict in a stored report; None where it lacks the exit code."""
    if "exit_code" not in kept:
        return None
    return PastVerdict(
        status=kept["status"],
        reason=kept["reason"],
        exit_code=ExitCode(kept["exit_code"]),
        expectations=[
            Expectation(one["name"], one["wanted"], one["seen"]) for one in kept["expectations"]
        ],
    )


def past_incidents(kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The incidents in a stored report; before 2026-11-28 they were texts only."""
    return [
        one if isinstance(one, dict) else {"text": str(one)} for one in kept.get("incidents", [])
    ]


def write_record(folder: Path, report: Report, context: Mapping[str, Any]) -> Path:
    """Write the record of a run: its report, and the configuration that it was run with."""
    path = folder / report.progress.execution_id / "record.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    report.run_record = str(path)
    content = {
        "report": report.as_json(),
        "progress": asdict(report.progress),
        "expect": report.expect.given(),
        **context,
    }
    path.write_text(json.dumps(content, indent=2, default=str) + "\n")
    return path


def read_record(folder: Path, execution_id: str) -> Report | None:
    """The report of a run from its record; None when there is no complete record."""
    path = folder / execution_id / "record.json"
    try:
        content = json.loads(path.read_text())
        kept = content["report"]
        return Report(
            namespace=kept["namespace"],
            progress=Progress.from_answer(content["progress"]),
            ready_s=kept["ready_s"],
            duration_s=kept["duration_s"],
            expect=ExpectSection.model_validate(content["expect"]),
            undrained=kept.get("undrained") or content.get("undrained", []),
            incidents=past_incidents(kept),
            run_record=str(path),
            past=past_verdict(kept),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
