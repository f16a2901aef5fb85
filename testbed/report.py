"""The outcome of a run: its JSON object, its lines for people, its JUnit file, its record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from testbed.configuration.expectations import Expectation, judged
from testbed.configuration.model import ExpectSection
from testbed.drain import Progress
from testbed.errors import ExitCode
from testbed.protocol.states import ExecutionStatus

NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


@dataclass
class Report:
    """What came of `testbed run`.

    :param duration_s: seconds from the run command to drained
    :param ready_s: seconds that the agents took to be ready; None when nobody knows any more
    :param undrained: what was still open when waiting was given up
    :param incidents: what went wrong on the way and was put right
    """

    namespace: str
    progress: Progress
    ready_s: float | None
    duration_s: float
    expect: ExpectSection
    undrained: list[str] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)
    monitor_url: str = ""
    run_record: str = ""

    @property
    def expectations(self) -> list[Expectation]:
        return judged(self.expect, self.progress.stf, self.duration_s)

    @property
    def status(self) -> str:
        """The run's true status: a completed workflow that lost something has failed."""
        if self.progress.status == ExecutionStatus.COMPLETED and self.undrained:
            return ExecutionStatus.FAILED
        return self.progress.status

    @property
    def reason(self) -> str:
        reasons = [self.progress.reason or str(self.progress.status)]
        if self.undrained:
            reasons.append("not drained: " + ", ".join(self.undrained))
        if self.progress.dead_letters:
            reasons.append(f"{self.progress.dead_letters} messages became dead letters")
        if self.unexpected_failures:
            reasons.append(f"{self.unexpected_failures} STFs failed")
        if self.progress.slices["failed"]:
            reasons.append(f"{self.progress.slices['failed']} slices failed")
        return "; ".join(reasons)

    @property
    def exit_code(self) -> ExitCode:
        missed = [expectation for expectation in self.expectations if not expectation.ok]
        if self.status != ExecutionStatus.COMPLETED or missed or self.lost:
            return ExitCode.WORKFLOW_FAILED
        return ExitCode.DONE

    @property
    def unexpected_failures(self) -> int:
        """STFs that failed beyond what `[expect] stf_failed` allows."""
        return max(0, self.progress.stf["failed"] - (self.expect.stf_failed or 0))

    @property
    def lost(self) -> bool:
        """Whether the run lost something that nobody expected it to lose."""
        slices_failed = self.progress.slices["failed"]
        return bool(self.unexpected_failures or self.progress.dead_letters or slices_failed)

    def as_json(self) -> dict[str, Any]:
        """The object that `testbed run --json` prints (contracts, section 6)."""
        return {
            "execution_id": self.progress.execution_id,
            "run_id": self.progress.run_id,
            "namespace": self.namespace,
            "status": self.status,
            "reason": self.reason,
            "duration_s": round(self.duration_s, 3),
            "ready_s": None if self.ready_s is None else round(self.ready_s, 3),
            "stf": dict(self.progress.stf),
            "tf_files": self.progress.tf_files,
            "slices": dict(self.progress.slices),
            "messages": self.progress.messages,
            "expectations": [expectation.as_json() for expectation in self.expectations],
            "incidents": self.incidents,
            "run_record": self.run_record,
        }

    def verdict(self, exit_code: ExitCode) -> dict[str, Any]:
        """What the monitor keeps of it beside its own counts.

        :param exit_code: the one that `testbed run` ends with
        """
        kept = ("status", "reason", "duration_s", "ready_s", "expectations", "incidents")
        whole = self.as_json()
        return {"exit_code": int(exit_code), **{name: whole[name] for name in kept}}

    def lines(self) -> list[str]:
        """The report for people."""
        stf = self.progress.stf
        shown = [
            f"Execution   {self.progress.execution_id}, run {self.progress.run_id}, "
            f"namespace {self.namespace}",
            f"Status      {self.status}"
            + (f" ({self.reason})" if self.reason != self.status else ""),
            "Time        " + self._time(),
            f"STF files   {stf['generated']} generated, {stf['registered']} registered, "
            f"{stf['processed']} processed, {stf['failed']} failed",
            f"Messages    {self.progress.messages} recorded",
        ]
        if self.progress.tf_files:
            tfs, slices = self.progress.tfs, self.progress.slices
            shown += [
                f"TF samples  {self.progress.tf_files}: {tfs['sampled']} TFs, "
                f"{tfs['in_results']} in results",
                f"Slices      {slices['created']} created, {slices['completed']} completed, "
                f"{slices['failed']} failed",
            ]
        shown += [
            f"Expected    {item.name} {item.wanted:g}: "
            + (f"{item.seen:g}, ok" if item.ok else f"MISSED, {item.seen:g} seen")
            for item in self.expectations
        ]
        shown += [f"Incident    {incident}" for incident in self.incidents]
        if self.run_record:
            shown.append(f"Run record  {self.run_record}")
        if self.monitor_url:
            shown.append(f"Monitor     {self.monitor_url}")
        return shown

    def _time(self) -> str:
        if self.ready_s is None:
            return f"{self.duration_s:.1f} s from the workflow's start to its end"
        return f"agents ready in {self.ready_s:.1f} s, workflow drained in {self.duration_s:.1f} s"


def write_record(folder: Path, report: Report, context: Mapping[str, Any]) -> Path:
    """Write the record of a run: its report, with all that it was run with."""
    path = folder / report.progress.execution_id / "record.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    report.run_record = str(path)
    content = {
        "report": report.as_json(),
        "progress": asdict(report.progress),
        "expect": report.expect.model_dump(exclude_none=True),
        "undrained": report.undrained,
        **context,
    }
    path.write_text(json.dumps(content, indent=2, default=str) + "\n")
    return path


def read_record(folder: Path, execution_id: str) -> Report | None:
    """The report of a run from its record; None when there is no record that tells it all."""
    path = folder / execution_id / "record.json"
    try:
        content = json.loads(path.read_text())
        told = content["report"]
        return Report(
            namespace=told["namespace"],
            progress=Progress.from_answer(content["progress"]),
            ready_s=told["ready_s"],
            duration_s=told["duration_s"],
            expect=ExpectSection.model_validate(content["expect"]),
            undrained=content["undrained"],
            incidents=told["incidents"],
            run_record=str(path),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_junit(path: Path, report: Report) -> None:
    """Write the outcome as a JUnit file: one test for the workflow, one for each expectation."""
    fine = report.status == ExecutionStatus.COMPLETED and not report.lost
    cases = [("workflow", "" if fine else report.reason)]
    cases += [
        (item.name, "" if item.ok else f"wanted {item.wanted:g}, seen {item.seen:g}")
        for item in report.expectations
    ]
    suite = ElementTree.Element(
        "testsuite",
        name=report.progress.execution_id,
        tests=str(len(cases)),
        failures=str(sum(bool(problem) for _, problem in cases)),
        time=f"{report.duration_s:.3f}",
    )
    for name, problem in cases:
        case = ElementTree.SubElement(suite, "testcase", classname="testbed.run", name=name)
        if problem:
            message = NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", problem)
            ElementTree.SubElement(case, "failure", message=message)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
