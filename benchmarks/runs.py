"""Runs on a stack, metered: what the benchmarks of whole workflows have in common.

A stack is warmed up by a small run before anything is measured: the broker's Java is compiled as it
runs, and programs import some packages when they first need them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from benchmarks.database import execute
from benchmarks.usage import Meter, metered
from testbed.integration import TestbedStack
from tests.rest import Api

PATIENCE_S = 1800
WARM_UP_STFS, WARM_UP_FAST_STFS = 20, 5
"""STFs of the chain and of fast processing, where each makes about 75 slices."""
SMALL_STFS = ("--set=tf_count=1", "--set=mean_hits_per_tf=10")
"""STFs as small as they get: what is measured is the chain, not the data (data_core.py)."""
WITHOUT_AGENTS = ("agents.data.enabled=false", "agents.processing.enabled=false")


@dataclass(frozen=True)
class Run:
    """What came of a run.

    :param progress: as the monitor gives it
    :param lost: whether something did not come to its end
    """

    progress: dict[str, Any]
    meter: Meter
    lost: bool

    @property
    def slices(self) -> int:
        """Slices that were processed."""
        return int(self.progress["slices"]["completed"])


class Bench:
    """A stack, and runs on it."""

    def __init__(self, stack: TestbedStack) -> None:
        self.stack = stack
        self._viewer = Api(stack, "viewer")

    def chain(self, stfs: int) -> Run:
        """A run of the STF chain as fast as possible, with small STFs."""
        return self._run(f"--set=stf_count={stfs}", "--no-realtime", *SMALL_STFS)

    def fast(self, transformers: int, stfs: int, *arguments: str) -> Run:
        """A run of fast processing; as fast as possible unless `arguments` say `--realtime`."""
        pace = () if "--realtime" in arguments else ("--no-realtime",)
        return self._run(
            "fast_processing",
            f"--set=fast_processing.stf_count={stfs}",
            f"--set=agents.transformer.replicas={transformers}",
            f"--set=expect.stf_registered={stfs}",
            *pace,
            *arguments,
        )

    def _run(self, *arguments: str) -> Run:
        within = f"--set=expect.within={PATIENCE_S}"
        with metered(self.stack) as meter:
            done = self.stack.command("run", "--json", *arguments, within, timeout=PATIENCE_S)
        if not done.stdout:
            sys.exit(done.stderr)
        report = json.loads(done.stdout)
        if not report.get("execution_id"):
            sys.exit(f"{done.stdout}\n{done.stderr}")
        progress: dict[str, Any] = self._viewer.get(
            f"workflow-executions/{report['execution_id']}/progress/"
        )
        slices, counts = progress["slices"], set(progress["tfs"].values())
        partial = slices["created"] and (
            len(counts) != 1 or slices["created"] != slices["completed"]
        )
        lost = bool(done.returncode or partial)
        if lost:
            print(f"LOST: {report} {progress['tfs']}", flush=True)
        return Run(progress, meter, lost)

    def seconds(self, run: Run, first: str, last: str) -> float:
        """Seconds from the first message of a type in a run to the last one of a type."""
        execution = run.progress["execution_id"]
        return float(
            execute(
                self.stack,
                f"SELECT extract(epoch FROM max(sent_at) FILTER (WHERE message_type = '{last}')"
                f" - min(sent_at) FILTER (WHERE message_type = '{first}'))"
                f" FROM swf_workflow_messages WHERE execution_id = '{execution}'",
            )
        )
