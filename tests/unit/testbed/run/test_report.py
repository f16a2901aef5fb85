"""The outcome of a run: exit code, expectations, and the forms in which it is given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from swf_common.configuration.model import ExpectSection
from swf_common.errors import ExitCode
from swf_common.protocol.states import ExecutionStatus
from testbed.run.junit import write_junit, write_unfinished
from testbed.run.record import write_record
from testbed.run.report import Report, without_a_run
from testbed.testing import new_progress

COMPLETED = ExecutionStatus.COMPLETED
PROMISED_KEYS = [
    "execution_id",
    "run_id",
    "namespace",
    "status",
    "reason",
    "verdict",
    "exit_code",
    "duration_s",
    "ready_s",
    "stf",
    "tf_files",
    "slices",
    "stages",
    "messages",
    "dead_letters",
    "undrained",
    "expectations",
    "incidents",
    "run_record",
]
DIED = {"text": "example-data-agent died in mid-run"}


def report(
    *,
    failed: int = 0,
    dead_letters: int = 0,
    slices: dict[str, int] | None = None,
    status: ExecutionStatus = COMPLETED,
    reason: str = "completed",
    stages: dict[str, dict[str, int]] | None = None,
    **facts: Any,
) -> Report:
    stf = {"generated": 5, "registered": 5, "processed": 5 - failed, "failed": failed}
    usual: dict[str, Any] = {
        "namespace": "torre1",
        "progress": new_progress(
            status=status,
            reason=reason,
            stf=stf,
            total_stf_files=5,
            messages=23,
            dead_letters=dead_letters,
            tf_files=7 if slices else 0,
            slices=slices or {"created": 0, "completed": 0, "failed": 0},
        ),
        "ready_s": 4.23456,
        "duration_s": 41.98765,
        "expect": ExpectSection(),
    }
    if stages is not None:
        usual["progress"] = replace(usual["progress"], stages=stages)
    return Report(**{**usual, **facts})


def test_a_run_that_lost_nothing_is_done() -> None:
    assert report().exit_code == ExitCode.DONE
    assert report().status == "completed"


@pytest.mark.parametrize(
    "facts",
    [
        {"status": ExecutionStatus.FAILED, "reason": "ValueError: the beam is gone"},
        {"status": ExecutionStatus.TERMINATED, "reason": "stopped"},
        {"status": ExecutionStatus.RUNNING, "reason": ""},
        {"undrained": ["1 STFs are not processed"]},
        {"failed": 1},
        {"dead_letters": 1},
        {"slices": {"created": 9, "completed": 8, "failed": 1}},
        {"failed": 2, "expect": ExpectSection(stf_failed=1)},
        {"expect": ExpectSection(stf_generated=6)},
        {"expect": ExpectSection(stf_registered=6)},
        {"expect": ExpectSection(stf_processed=6)},
        {"expect": ExpectSection(within=41.9)},
    ],
)
def test_a_run_that_failed_or_missed_something_exits_6_and_its_junit_file_says_so(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    made = report(**facts)
    assert made.exit_code == ExitCode.WORKFLOW_FAILED
    assert int(suite(tmp_path, made).attrib["failures"]) > 0


@pytest.mark.parametrize(
    ("expect", "failed"),
    [
        (ExpectSection(stf_generated=5, stf_registered=5, stf_processed=5, within=42), 0),
        (ExpectSection(stf_processed=4), 0),
        (ExpectSection(stf_failed=1), 1),
        (ExpectSection(stf_failed=3), 1),
        (ExpectSection(stf_failed=0), 0),
    ],
)
def test_a_run_that_meets_its_expectations_is_done(
    tmp_path: Path, expect: ExpectSection, failed: int
) -> None:
    made = report(expect=expect, failed=failed)
    assert all(expectation.ok for expectation in made.expectations)
    assert made.exit_code == ExitCode.DONE
    assert suite(tmp_path, made).attrib["failures"] == "0"


def test_a_completed_workflow_that_lost_something_has_failed_with_its_reason() -> None:
    made = report(undrained=["1 STFs are not processed", "the broker did not report its queues"])
    assert made.status == "failed"
    assert "not drained: 1 STFs are not processed, the broker did not report" in made.reason


def test_failed_stfs_that_nobody_expected_stand_in_the_reason() -> None:
    assert report(failed=2).reason == "completed; 2 STFs failed"
    assert report(failed=2, expect=ExpectSection(stf_failed=2)).reason == "completed"


def test_stfs_that_failed_at_a_stage_of_an_agents_own_fail_the_run() -> None:
    def made(rejected: int, failed: int) -> Report:
        return report(
            failed=rejected,
            stages={
                "stf.registered": {"done": 5 - rejected, "failed": rejected},
                "stf.calibrated": {"done": 5 - failed, "failed": failed, "rejected": rejected},
            },
            expect=ExpectSection(stf_failed=1),
        )

    assert made(0, 0).exit_code == made(1, 1).exit_code == ExitCode.DONE
    assert made(1, 2).exit_code == ExitCode.WORKFLOW_FAILED
    assert made(1, 3).reason == "completed; 2 STFs failed at stf.calibrated"


def test_a_stage_of_an_agents_own_stands_in_lines_and_json() -> None:
    calibrated = {"done": 4, "failed": 1}
    made = report(stages={"stf.calibrated": calibrated})
    assert made.as_json()["stages"]["stf.calibrated"] == calibrated
    counts = "5 generated, 5 registered, 5 processed, 0 failed, 4 calibrated (1 failed)"
    assert f"STF files   {counts}" in made.lines()


def test_slices_that_failed_stand_in_the_reason_and_the_lines() -> None:
    made = report(slices={"created": 9, "completed": 8, "failed": 1})
    assert made.reason == "completed; 1 slice failed"
    text = "\n".join(made.lines())
    assert "Slices      9 created, 8 completed, 1 failed" in text
    assert "TF samples  7" in text
    assert "Slices" not in "\n".join(report().lines())


def test_a_run_without_a_reason_gives_its_status() -> None:
    assert report(status=ExecutionStatus.RUNNING, reason="").reason == "running"


def test_the_json_object_has_exactly_the_promised_keys_with_and_without_a_run() -> None:
    content = report().as_json()
    assert sorted(content) == sorted(PROMISED_KEYS)
    assert list(without_a_run(ExitCode.NOT_READY, "late")) == list(content)
    assert sorted(content["stf"]) == ["failed", "generated", "processed", "registered"]
    assert sorted(content["slices"]) == ["completed", "created", "failed"]


def test_the_json_object_tells_the_run() -> None:
    content = json.loads(json.dumps(report(expect=ExpectSection(stf_processed=6)).as_json()))
    assert content["execution_id"] == "stf_datataking-fake-0001"
    assert (content["run_id"], content["namespace"]) == ("100010", "torre1")
    assert (content["duration_s"], content["ready_s"]) == (41.988, 4.235)
    assert content["expectations"] == [
        {"name": "stf_processed", "wanted": 6, "seen": 5, "ok": False}
    ]


def test_the_lines_for_people_tell_what_was_missed_and_what_happened() -> None:
    text = "\n".join(
        report(
            expect=ExpectSection(stf_processed=6, within=60),
            incidents=[DIED],
            monitor_url="http://127.0.0.1:49153",
        ).lines()
    )
    assert "stf_processed 6: MISSED, 5 seen" in text
    assert "within 60: 41.988, ok" in text
    assert "5 generated, 5 registered, 5 processed, 0 failed" in text
    assert "example-data-agent died in mid-run" in text
    assert "http://127.0.0.1:49153" in text


def suite(folder: Path, made: Report) -> ElementTree.Element:
    path = folder / "results" / "junit.xml"
    write_junit(path, made)
    return ElementTree.parse(path).getroot()


def test_the_junit_file_has_a_test_for_the_workflow_and_for_each_expectation(
    tmp_path: Path,
) -> None:
    made = report(expect=ExpectSection(stf_generated=5, stf_processed=6))
    root = suite(tmp_path, made)
    assert root.tag == "testsuite"
    assert (root.attrib["tests"], root.attrib["failures"]) == ("3", "1")
    assert root.attrib["name"] == "stf_datataking-fake-0001"
    failures = {case.attrib["name"]: case.find("failure") for case in root.iter("testcase")}
    assert list(failures) == ["workflow", "stf_generated", "stf_processed"]
    assert failures["workflow"] is failures["stf_generated"] is None
    missed = failures["stf_processed"]
    assert missed is not None
    assert missed.attrib["message"] == "wanted 6, seen 5"


@pytest.mark.parametrize("reason", ['a < b & "c"', "caf\u00e9 \u2764", "\x1b[31mred\x1b[0m \x00"])
def test_any_reason_makes_a_junit_file_that_can_be_read(tmp_path: Path, reason: str) -> None:
    root = suite(tmp_path, report(status=ExecutionStatus.FAILED, reason=reason))
    failure = root.find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"]


def test_the_record_of_a_run_keeps_its_report_and_what_it_was_run_with(tmp_path: Path) -> None:
    made = report()
    path = write_record(tmp_path / "runs", made, {"resolved": {"testbed": {}}, "gate": [(0, "x")]})
    content = json.loads(path.read_text())
    assert path.parent.name == made.progress.execution_id
    assert content["report"] == made.as_json()
    assert content["report"]["run_record"] == str(path)
    assert content["gate"] == [[0, "x"]]


def test_the_monitor_keeps_the_verdict_and_not_what_it_counts_itself() -> None:
    kept = report(failed=1).for_monitor()
    assert kept["exit_code"] == 6
    assert kept["verdict"] == "FAILED (exit code 6): 1 STF failed"
    assert not {"stf", "slices", "messages", "run_record"} & kept.keys()
    json.dumps(kept)


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, "PASSED: 5 of 5 STFs processed in 42.0 s"),
        ({"incidents": [DIED]}, "PASSED: 5 of 5 STFs processed in 42.0 s, with 1 incident"),
        (
            {"slices": {"created": 9, "completed": 9, "failed": 0}},
            "PASSED: 9 of 9 slices processed in 42.0 s",
        ),
        ({"dead_letters": 1}, "FAILED (exit code 6): 1 message became dead letters"),
        (
            {"expect": ExpectSection(stf_processed=6)},
            "FAILED (exit code 6): stf_processed is 5 instead of 6",
        ),
        (
            {"undrained": ["84 slices have no result"]},
            "FAILED (exit code 6): completed; not drained: 84 slices have no result",
        ),
        (
            {"status": ExecutionStatus.TERMINATED, "reason": "stopped", "ended_by": 130},
            "INTERRUPTED: stopped",
        ),
        (
            {"undrained": ["an agent keeps dying"], "ended_by": 4},
            "FAILED (exit code 4): completed; not drained: an agent keeps dying",
        ),
    ],
)
def test_the_first_line_is_the_verdict_with_what_decided_it(
    facts: dict[str, Any], verdict: str
) -> None:
    ended_by = facts.get("ended_by")
    made = report(**{**facts, "ended_by": None if ended_by is None else ExitCode(ended_by)})
    assert made.lines()[0] == f"Verdict     {verdict}"
    assert made.as_json()["verdict"] == verdict


def test_what_was_given_up_is_not_called_drained() -> None:
    text = "\n".join(report(undrained=["84 slices have no result"]).lines())
    assert "drained in" not in text
    assert "given up after 42.0 s" in text
    assert "Open        84 slices have no result" in text


def test_a_command_that_came_to_no_run_leaves_a_red_junit_file(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    write_unfinished(path, "FAILED (exit code 3): an agent is not READY")
    root = ElementTree.parse(path).getroot()
    assert (root.attrib["tests"], root.attrib["failures"]) == ("1", "1")
    failure = root.find("testcase/failure")
    assert failure is not None
    assert "not READY" in failure.attrib["message"]
