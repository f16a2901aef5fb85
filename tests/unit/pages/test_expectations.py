"""What an execution's page says of its expectations."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.pages.expectations import Line, counted, reported

PROGRESS = {
    "stf": {"generated": 5, "registered": 5, "processed": 4, "failed": 1},
    "stages": {},
}


def words(lines: list[Line]) -> dict[str, str]:
    return {line.name: line.word for line in lines}


def test_the_verdict_of_testbed_run_is_shown_as_it_was_told() -> None:
    missed = {"name": "within", "wanted": 60, "seen": 61.5, "ok": False}
    met = {"name": "stf_processed", "wanted": 5, "seen": 5, "ok": True}
    lines = reported({"expectations": [missed, met]})
    assert lines == [
        Line("within", 60, 61.5, "missed", "bad"),
        Line("stf_processed", 5, 5, "met", "ok"),
    ]


@pytest.mark.parametrize("odd", [None, "x", [1, "x"], {"name": "within"}])
def test_what_is_no_verdict_is_not_shown(odd: Any) -> None:
    assert reported({"expectations": odd}) == []


def test_an_execution_that_was_started_elsewhere_is_judged_by_its_records() -> None:
    expect = {"stf_generated": 5, "stf_processed": 5, "stf_failed": 0, "within": 60}
    lines = counted(expect, PROGRESS, settled=True)
    assert words(lines) == {
        "stf_generated": "met",
        "stf_processed": "not reached",
        "stf_failed": "missed",
        "within": "not measured",
    }
    assert [line.seen for line in lines] == [5, 4, 1, None]


def test_while_it_runs_nothing_is_missed_that_may_still_come() -> None:
    expect = {"stf_generated": 5, "stf_processed": 5, "stf_failed": 1}
    assert words(counted(expect, PROGRESS, settled=False)) == {
        "stf_generated": "met",
        "stf_processed": "not yet",
        "stf_failed": "met so far",
    }
    assert words(counted({"stf_failed": 0}, PROGRESS, settled=False)) == {"stf_failed": "missed"}


@pytest.mark.parametrize("odd", [None, {}, "x", [1], {"stf_processed": "many"}, {"no": 1}])
def test_no_or_odd_expectations_are_no_lines(odd: Any) -> None:
    assert counted(odd, PROGRESS, settled=True) == []
