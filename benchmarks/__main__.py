"""`python -m benchmarks [NAME ...]`: run benchmarks, all by default, and say which goals are met.

One that misses a goal, or fails, does not keep the others from running. The exit code is 1 then.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.goals import BENCHMARKS
from benchmarks.outcome import FOLDER, Judgement, judge, read_figures
from swf_common.errors import ExitCode


def run(name: str) -> int:
    """Run one benchmark in a process of its own; its exit code."""
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode


def main(names: Sequence[str], run: Callable[[str], int] = run, folder: Path = FOLDER) -> int:
    """Run benchmarks; the exit code.

    :param folder: where they write their figures
    """
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"No benchmark: {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}")
        return ExitCode.CONFIGURATION
    judgements: list[Judgement] = []
    failed = []
    for name in names or BENCHMARKS:
        print(f"== {name}", flush=True)
        (folder / f"{name}.json").unlink(missing_ok=True)
        code = run(name)
        own = judge(name, read_figures(name, folder) or {})
        judgements += own
        if code and all(one.met for one in own):
            failed.append(name)
    print("== goals")
    print("\n".join([*(one.line for one in judgements), *(f"FAILED {name}" for name in failed)]))
    missed = sum(not one.met for one in judgements)
    print(f"{len(judgements) - missed} goals met, {missed} missed")
    return int(bool(missed or failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
