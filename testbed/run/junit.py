"""The outcome of `testbed run` as a JUnit file, for the pages of a CI service."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from swf_common.errors import ExitCode
from testbed.run.report import Report

NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def write_junit(path: Path, report: Report) -> None:
    """Write the outcome of a run: one test for the workflow, one for each expectation."""
    judged_by_expectations = report.missed and not report.failures and not report.cut_short
    fine = report.exit_code == ExitCode.DONE or (
        judged_by_expectations and report.status == "completed"
    )
    cases = [("workflow", "" if fine else report.verdict)]
    cases += [
        (item.name, "" if item.ok else f"wanted {item.wanted:g}, seen {item.seen:g}")
        for item in report.expectations
    ]
    _write(path, report.progress.execution_id, cases, report.duration_s)


def write_unfinished(path: Path, reason: str) -> None:
    """Write that the command did not run a workflow: an earlier run's file must not stay there."""
    _write(path, "testbed run", [("workflow", reason)], 0.0)


def _write(path: Path, name: str, cases: list[tuple[str, str]], duration_s: float) -> None:
    """Write test cases.

    :param cases: name, and what was wrong; empty where nothing was
    """
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(sum(bool(problem) for _, problem in cases)),
        time=f"{duration_s:.3f}",
    )
    for case_name, problem in cases:
        case = ElementTree.SubElement(suite, "testcase", classname="testbed.run", name=case_name)
        if problem:
            message = NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", problem)
            ElementTree.SubElement(case, "failure", message=message)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
