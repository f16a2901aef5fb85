"""`python -m benchmarks.table [--take]`: results.md from results/<version>.json.

One row a goal, one column a release. `--take` first writes what the last runs left in
artifacts/bench/ as the results of the present version; what was not run again stays.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.goals import BENCHMARKS, GOALS, shown
from benchmarks.outcome import FOLDER

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE / "results.md"
TITLE = """# Results over releases

Made by `python -m benchmarks.table` from `results/`. A figure that misses its goal is **bold**; an
empty cell was not measured, and a range is of several runs.
"""


def take(folder: Path = FOLDER, results: Path = RESULTS) -> Path:
    """Add the figures of the last runs to the results of their version; the file.

    :raises FileNotFoundError: there are none
    """
    records = [
        json.loads((folder / f"{name}.json").read_text())
        for name in BENCHMARKS
        if (folder / f"{name}.json").exists()
    ]
    if not records:
        raise FileNotFoundError(f"{folder} has no figures: make bench")
    last = max(records, key=lambda one: str(one["date"]))
    target = results / f"{last['version']}.json"
    known = json.loads(target.read_text())["figures"] if target.exists() else {}
    common = {name: last[name] for name in ("version", "commit", "machine") if name in last}
    figures = {**known, **{one["benchmark"]: one["figures"] for one in records}}
    content = {**common, "date": last["date"][:10], "figures": figures}
    target.write_text(json.dumps(content, indent=2) + "\n")
    return target


def page(releases: list[dict[str, Any]]) -> str:
    """The table of the results of releases, the oldest first."""
    heads = [f"{one['version']} ({one['commit'][:7]})" for one in releases]
    machines = [
        f"- {head}: {one['date']}, {one['machine']['cores']} cores, "
        f"{one['machine'].get('memory_mib', '?')} MiB, kernel {one['machine'].get('kernel', '?')}"
        for head, one in zip(heads, releases, strict=True)
    ]
    lines = [
        "| benchmark | figure | goal | " + " | ".join(heads) + " |",
        "|---|---|---|" + "---|" * len(heads),
    ]
    for goal in GOALS:
        cells = []
        for one in releases:
            figure = one["figures"].get(goal.benchmark, {}).get(goal.figure)
            ends = figure if isinstance(figure, list) else [figure]
            met = all(goal.is_met_by(end) for end in ends)
            cells.append(shown(figure) if met or figure is None else f"**{shown(figure)}**")
        lines.append(f"{goal.row} " + " | ".join(cells) + " |")
    return "\n".join([TITLE, *lines, "", *machines, ""])


def read_releases(results: Path = RESULTS) -> list[dict[str, Any]]:
    """The results of all releases, the oldest first."""
    files = sorted(results.glob("*.json"), key=lambda one: [int(n) for n in one.stem.split(".")])
    return [json.loads(one.read_text()) for one in files]


def main() -> None:
    if "--take" in sys.argv[1:]:
        print(f"wrote {take()}")
    PAGE.write_text(page(read_releases()))
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
