"""What came of a benchmark: its figures as a file, and each goal met or MISSED."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from benchmarks.goals import Goal, goals_of, shown
from swf_common import __version__
from testbed.project import ROOT
from testbed.run.execution import git_version

FOLDER = ROOT / "artifacts" / "bench"
MEMORY = Path("/proc/meminfo")


class Judgement(NamedTuple):
    """A goal and what was measured; None: nothing was."""

    goal: Goal
    measured: float | None

    @property
    def met(self) -> bool:
        return self.goal.is_met_by(self.measured)

    @property
    def line(self) -> str:
        """One line for people: met or MISSED, benchmark, name, measured, goal."""
        goal = self.goal
        measured = "not measured" if self.measured is None else shown(self.measured)
        mark = "met" if self.met else "MISSED"
        return f"{mark:6} {goal.benchmark:10} {goal.what}: {measured} (goal {goal.text})"


def judge(benchmark: str, figures: Mapping[str, float]) -> list[Judgement]:
    """Each goal of a benchmark with its figure."""
    return [Judgement(goal, figures.get(goal.figure)) for goal in goals_of(benchmark)]


def finish(
    benchmark: str, figures: Mapping[str, float], usage: Mapping[str, Any] | None = None
) -> NoReturn:
    """Write the figures of a benchmark, print its goals, and end: 1 when one is missed, else 0.

    :param figures: by name; those of the goals among them
    :param usage: tables of processor time and memory, as `benchmarks.usage` makes them, by title
    """
    record = {
        "benchmark": benchmark,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        **git_version(ROOT),
        "machine": machine(),
        "figures": dict(figures),
        "usage": dict(usage or {}),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{benchmark}.json").write_text(json.dumps(record, indent=2) + "\n")
    judgements = judge(benchmark, figures)
    print("\n".join(one.line for one in judgements), flush=True)
    sys.exit(not all(one.met for one in judgements))


def read_figures(benchmark: str, folder: Path = FOLDER) -> dict[str, float] | None:
    """The figures that a benchmark has written; None when it has not."""
    path = folder / f"{benchmark}.json"
    return json.loads(path.read_text())["figures"] if path.exists() else None


def machine() -> dict[str, str | int]:
    """What the figures depend on: cores, memory in MiB, kernel."""
    total_kib = MEMORY.read_text().split()[1] if MEMORY.exists() else "0"
    return {
        "cores": os.cpu_count() or 0,
        "memory_mib": int(total_kib) // 1024,
        "kernel": platform.release(),
    }
