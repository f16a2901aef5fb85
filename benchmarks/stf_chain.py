"""The STF chain as fast as it goes: generated, registered, processed, and none lost.

STFs are as small as they get: what is measured is the chain, not the data (data_core.py).
"""

from __future__ import annotations

from benchmarks.outcome import finish
from benchmarks.runs import WARM_UP_STFS, Bench
from benchmarks.usage import ALL
from testbed.integration import TestbedStack

STFS = 1000


def main() -> None:
    with TestbedStack() as stack:
        bench = Bench(stack)
        bench.chain(WARM_UP_STFS)
        run = bench.chain(STFS)
        seconds = bench.seconds(run, "stf_gen", "processing_complete")
    stf = run.progress["stf"]
    print(f"{stf} in {seconds:.1f} s: {STFS / seconds:.0f} STFs a second")
    usage = run.meter.show(f"{STFS} STFs", "STF", STFS)
    finish(
        "stf_chain",
        {
            "stfs_per_s": STFS / seconds,
            "processor_ms": usage["ms/STF"][ALL],
            "lost": STFS - stf["processed"] - stf["failed"],
        },
        {"chain": usage},
    )


if __name__ == "__main__":
    main()
