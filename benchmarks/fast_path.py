"""The fast path: how many slices and STFs a second with 1, 2 and 4 transformers, and how soon the
results are there in real time. Nothing may be lost.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from testbed.integration import TestbedStack
from tests.rest import Api

STFS = 100
TRANSFORMERS = (1, 2, 4)
REAL_TIME_STFS = 30
PERIOD_S = 2.0
"""Seconds between two STFs in real time."""
STF_S = 0.2
"""Of them the simulated seconds that an STF itself takes."""
FIRST_RESULTS_S = 10.0
PATIENCE_S = 1800


class Bench:
    """A stack, and runs of fast processing on it."""

    def __init__(self, stack: TestbedStack) -> None:
        self._stack = stack
        self._viewer = Api(stack, "viewer")
        self.lost = False

    def run(self, transformers: int, stfs: int, *arguments: str) -> dict[str, Any]:
        """One run; what came of it, from the monitor."""
        done = self._stack.command(
            "run",
            "fast_processing",
            "--json",
            f"--set=fast_processing.stf_count={stfs}",
            f"--set=agents.transformer.replicas={transformers}",
            f"--set=expect.stf_registered={stfs}",
            *arguments,
            timeout=PATIENCE_S,
        )
        if not done.stdout:
            sys.exit(done.stderr)
        report = json.loads(done.stdout)
        progress: dict[str, Any] = self._viewer.get(
            f"workflow-executions/{report['execution_id']}/progress/"
        )
        counts = set(progress["tfs"].values())
        created, completed = (report["slices"][name] for name in ("created", "completed"))
        if done.returncode or len(counts) != 1 or created != completed:
            print(f"LOST: {report} {progress['tfs']}")
            self.lost = True
        return progress

    def seconds(self, execution_id: str, msg_type: str) -> float:
        """From the first message of a type to the last one."""
        wanted = {"execution_id": execution_id, "message_type": msg_type}
        rows = self._viewer.get("workflow-messages/", **wanted)
        times = sorted(datetime.fromisoformat(row["sent_at"]) for row in rows)
        return (times[-1] - times[0]).total_seconds()


def main() -> None:
    overrides = ("agents.data.enabled=false", "agents.processing.enabled=false")
    with TestbedStack(overrides=overrides) as stack:
        bench = Bench(stack)
        for count in TRANSFORMERS:
            progress = bench.run(count, STFS, "--no-realtime")
            slices, rate = progress["slices"]["completed"], progress["slices_per_s"]
            generated = (STFS - 1) / bench.seconds(progress["execution_id"], "stf_gen")
            print(f"{count} transformers: {slices} slices of {STFS} STFs, {rate} slices a second,")
            print(f"  {rate * STFS / slices:.2f} STFs a second", end="")
            print(f"; {generated:.0f} STFs a second generated: {generated * PERIOD_S:.0f} times")
            print(f"  as fast as in real time; time frames {progress['tfs']}")
        interval = f"--set=daq_state_machine.stf_interval={PERIOD_S - STF_S}"
        progress = bench.run(TRANSFORMERS[-1], REAL_TIME_STFS, "--realtime", interval)
        print(f"real time, an STF every {PERIOD_S} s, {TRANSFORMERS[-1]} transformers:")
        for name in ("latency_s", "latency_to_slice_s", "latency_to_result_s"):
            print(f"  {name}: {progress[name]}")
        late = progress["latency_s"]["p99"] > FIRST_RESULTS_S
    sys.exit(bench.lost or late)


if __name__ == "__main__":
    main()
