"""The helpers of the benchmarks: goals, their table, what is read and written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.goals import BENCHMARKS, GOALS, IDLE_BUDGETS, Goal, goals_of, shown
from benchmarks.outcome import finish, judge, machine
from benchmarks.table import PAGE, page, read_releases, take
from benchmarks.usage import ALL, Used, processor_ms, table
from swf_common.errors import ExitCode

HERE = PAGE.parent
RATE = Goal("fast_path", "rate", "slices a second", 500, at_least=True)
COST = Goal("fast_path", "cost", "a slice", 4, "ms")


def rows(heading: str) -> list[str]:
    """The rows of the first table of README.md below a heading, without its head."""
    text = (HERE / "README.md").read_text().split(f"{heading}\n", 1)[1]
    lines = text[text.index("\n|---") :].strip().split("\n\n")[0].splitlines()
    return lines[1:]


def good(benchmark: str) -> dict[str, float]:
    """Figures of a benchmark that reach every goal."""
    return {goal.figure: goal.limit for goal in goals_of(benchmark)}


def write(folder: Path, benchmark: str, figures: dict[str, Any], **facts: Any) -> None:
    record: dict[str, Any] = {"benchmark": benchmark, "version": "9.0.0", "machine": machine()}
    record |= {"date": "2026-11-28T12:00:00+00:00", "commit": "abcdef0123", "figures": figures}
    (folder / f"{benchmark}.json").write_text(json.dumps(record | facts))


def test_the_readme_has_the_goals_that_the_benchmarks_are_held_to() -> None:
    assert rows("## Goals") == [goal.row for goal in GOALS]


def test_every_benchmark_is_a_module_that_the_readme_names() -> None:
    named = [re.findall(r"`(\w+)\.py`", row)[0] for row in rows("# Benchmarks")]
    assert named == list(BENCHMARKS)
    assert [name for name in BENCHMARKS if not (HERE / f"{name}.py").is_file()] == []


def test_every_goal_is_one_of_a_benchmark_and_every_benchmark_has_some() -> None:
    assert {goal.benchmark for goal in GOALS} == set(BENCHMARKS)
    assert len({(goal.benchmark, goal.figure) for goal in GOALS}) == len(GOALS)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_writes_the_figures_of_its_goals(name: str) -> None:
    source = (HERE / f"{name}.py").read_text()
    figures = {goal.figure for goal in goals_of(name)}
    if name == "idle":  # it makes those of the services from their names
        figures -= {f"{service}_{kind}" for service in IDLE_BUDGETS for kind in ("percent", "mib")}
    assert re.search(rf'finish\(\s*"{name}"', source), "it calls finish() with its own name"
    assert [figure for figure in figures if f'"{figure}"' not in source] == []


def test_the_budgets_of_the_idle_services_add_up_to_the_goal_for_all_of_them() -> None:
    limits = {goal.figure: goal.limit for goal in goals_of("idle")}
    percents, mibs = zip(*IDLE_BUDGETS.values(), strict=True)
    assert sum(percents) == pytest.approx(limits["processor_percent"])
    assert sum(mibs) == limits["memory_mib"]


@pytest.mark.parametrize(
    ("goal", "measured", "met"),
    [
        (RATE, 500, True),
        (RATE, 499.9, False),
        (COST, 4, True),
        (COST, 4.01, False),
        (COST, None, False),
    ],
)
def test_a_goal_is_met_at_its_limit_and_not_without_a_figure(
    goal: Goal, measured: float | None, met: bool
) -> None:
    assert goal.is_met_by(measured) is met


def test_a_line_says_name_measured_goal_and_whether_it_is_met() -> None:
    lines = [one.line for one in judge("stf_chain", {"stfs_per_s": 210.4, "processor_ms": 28.64})]
    assert lines == [
        "met    stf_chain  small STFs a second: 210 (goal ≥ 200)",
        "MISSED stf_chain  processor time an STF, all services: 28.6 (goal ≤ 10 ms)",
        "MISSED stf_chain  STFs lost: not measured (goal 0)",
    ]


def test_finishing_writes_the_figures_and_fails_where_a_goal_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.outcome.FOLDER", tmp_path / "bench")
    for figures, code in ((good("mcp"), 0), ({"call_p95_ms": 101.0}, 1)):
        with pytest.raises(SystemExit) as caught:
            finish("mcp", figures, {"calls": {"ms/call": {"monitor": 1.5}}})
        assert caught.value.code == code
        record = json.loads((tmp_path / "bench" / "mcp.json").read_text())
        assert record["figures"] == figures
        assert record["machine"]["cores"] >= 1
        assert {"date", "version", "usage"} <= set(record)


def test_a_missed_goal_does_not_keep_the_next_benchmark_from_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def run(name: str) -> int:
        ran.append(name)
        if name != "million":  # that one breaks before it has any figures
            write(tmp_path, name, {} if name == "mcp" else good(name))
        return int(name != "pages")

    assert main(["mcp", "million", "pages"], run, tmp_path) == 1
    assert ran == ["mcp", "million", "pages"]
    summary = capsys.readouterr().out.split("== goals\n")[1]
    assert summary.count("MISSED") == 3
    assert summary.count("met    ") == 3
    assert summary.endswith("3 goals met, 3 missed\n")


def test_all_goals_met_end_well_unless_a_benchmark_itself_has_failed(tmp_path: Path) -> None:
    for code in (0, 1):

        def run(name: str, code: int = code) -> int:
            write(tmp_path, name, good(name))
            return code

        assert main([], run, tmp_path) == code


def test_figures_of_an_earlier_run_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, "mcp", good("mcp"))
    assert main(["mcp"], lambda _: 0, tmp_path) == 1


def test_an_unknown_benchmark_is_refused_with_the_names_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["fast_pth"], lambda _: 0) == ExitCode.CONFIGURATION
    assert "fast_path" in capsys.readouterr().out


def test_the_page_of_results_is_made_from_the_results() -> None:
    assert PAGE.read_text() == page(read_releases())


def test_a_missed_goal_is_bold_in_the_table_and_a_range_has_two_ends(tmp_path: Path) -> None:
    write(tmp_path, "0.9.0", {"mcp": {"call_p95_ms": 90}, "stf_chain": {"stfs_per_s": [50, 300]}})
    write(tmp_path, "0.10.0", {"mcp": {"call_p95_ms": 131}})
    lines = page(read_releases(tmp_path)).splitlines()
    (mcp,) = [line for line in lines if line.startswith("| `mcp` ")]
    (chain,) = [line for line in lines if "small STFs a second" in line]
    assert mcp.endswith("| 90 | **131** |")
    assert chain.endswith("| **50 to 300** |  |")


def test_taking_results_keeps_what_was_not_measured_again(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    write(tmp_path, "mcp", {"call_p95_ms": 90})
    taken = take(tmp_path, tmp_path / "results")
    (tmp_path / "mcp.json").unlink()
    write(tmp_path, "million", {"array_p95_ms": 80}, commit="fedcba9876")
    assert take(tmp_path, tmp_path / "results") == taken
    content = json.loads(taken.read_text())
    assert (taken.name, content["commit"]) == ("9.0.0.json", "fedcba9876")
    assert content["figures"] == {"mcp": {"call_p95_ms": 90}, "million": {"array_p95_ms": 80}}


def test_without_figures_there_is_nothing_to_take(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make bench"):
        take(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("figure", "text"),
    [(None, ""), (0, "0"), (0.123456, "0.123"), (28.64, "28.6"), (4567.8, "4,568")],
)
def test_a_figure_is_shown_with_the_digits_that_say_something(
    figure: float | None, text: str
) -> None:
    assert shown(figure) == text


def test_processor_time_counts_from_the_start_of_a_service_that_was_started_again() -> None:
    before = {"monitor": Used(10.0, 0), "recorder": Used(5.0, 0)}
    after = {"monitor": Used(12.0, 0), "recorder": Used(1.0, 0), "transformer": Used(3.0, 0)}
    assert processor_ms(before, after, 1000) == pytest.approx(
        {"monitor": 2.0, "recorder": 1.0, "transformer": 3.0, ALL: 6.0}
    )


def test_the_table_of_usage_has_the_largest_service_first_and_the_sum_last() -> None:
    text = table("a slice", {"ms": {"monitor": 1.0, "activemq": 2.0, ALL: 3.0}, "MiB": {"x": 5.0}})
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["activemq", "monitor", "x", ALL]
