"""The fast path with two transformers: slices a second as fast as possible and the processor time
of each, and how soon the results are there in real time. Nothing may be lost.
"""

from __future__ import annotations

from benchmarks.outcome import finish
from benchmarks.runs import WARM_UP_FAST_STFS, Bench
from benchmarks.usage import ALL
from testbed.integration import TestbedStack

STFS = 50
TRANSFORMERS = 2
REAL_TIME_STFS = 30
PERIOD_S = 2.0
"""Seconds between two STFs in real time."""
STF_S = 0.2
"""Of them the simulated seconds that an STF itself takes."""


def main() -> None:
    with TestbedStack(overrides=("agents.processing.enabled=false",)) as stack:
        bench = Bench(stack)
        bench.fast(TRANSFORMERS, WARM_UP_FAST_STFS)
        fast = bench.fast(TRANSFORMERS, STFS)
        interval = f"--set=daq_state_machine.stf_interval={PERIOD_S - STF_S}"
        slow = bench.fast(TRANSFORMERS, REAL_TIME_STFS, "--realtime", interval)
        making = bench.seconds(fast, "stf_gen", "stf_gen")
    rate, generated = fast.progress["slices_per_s"], (STFS - 1) / making
    print(f"{fast.slices} slices of {STFS} STFs: {rate} slices a second")
    print(f"{generated:.0f} STFs a second generated: {generated * PERIOD_S:.0f} times real time")
    usage = {
        "as fast as possible": fast.meter.show("as fast as possible", "slice", fast.slices),
        "real time": slow.meter.show(f"real time, {1 / PERIOD_S} Hz", "slice", slow.slices),
    }
    for name in ("latency_s", "latency_to_slice_s", "latency_to_result_s"):
        print(f"  {name}: {slow.progress[name]}")
    latency = slow.progress["latency_s"]
    finish(
        "fast_path",
        {
            "slices_per_s": rate,
            "processor_ms": usage["as fast as possible"]["ms/slice"][ALL],
            "latency_p50_s": latency["p50"],
            "latency_p99_s": latency["p99"],
            "lost": fast.lost + slow.lost,
            "generated_stfs_per_s": generated,
        },
        usage,
    )


if __name__ == "__main__":
    main()
