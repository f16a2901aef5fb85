"""Whether the cost of a slice stays the same: with 1, 2 and 4 transformers, and in runs of 100,
1,000 and 10,000 STFs. `python -m benchmarks.scaling [STFS ...]` takes other numbers of STFs.

The runs of many STFs have small ones: 20 time frames of 10 hits, of which one sample of 2 time
frames makes one slice. So 10,000 STFs take minutes, and each still goes the whole way. A run also
costs something without any STF: a run of one STF is taken off.
"""

from __future__ import annotations

import sys

from benchmarks.outcome import finish
from benchmarks.runs import WARM_UP_FAST_STFS, Bench, Run
from benchmarks.usage import ALL, table
from testbed.integration import TestbedStack

TRANSFORMERS = (1, 2, 4)
STFS = 50
"""In each run with another number of transformers; these have their usual size."""
LENGTHS = tuple(int(one) for one in sys.argv[1:]) or (100, 1000, 10_000)
SMALL = (
    "--set=tf_count=20",
    "--set=mean_hits_per_tf=10",
    "--set=tf_files_per_stf=1",
    "--set=tf_size_fraction=0.1",
    "--set=num_tf_per_slice=2",
)
LEAST_MIB = 10.0
"""A service's growth by less is no growth."""


def by_workers(bench: Bench) -> tuple[dict[str, dict[str, float]], list[Run]]:
    """Processor time a slice by the number of transformers, each warmed up first."""
    columns, runs = {}, []
    for count in TRANSFORMERS:
        bench.fast(count, WARM_UP_FAST_STFS)
        run = bench.fast(count, STFS)
        rate = run.progress["slices_per_s"]
        print(f"{count} transformers: {run.slices} slices, {rate} a second", flush=True)
        columns[f"{count} workers"] = run.meter.processor_ms(run.slices)
        runs.append(run)
    print(table("ms a slice", columns), flush=True)
    return columns, runs


def by_length(
    bench: Bench,
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]], list[Run]]:
    """Processor time an STF and memory by the number of STFs in a run."""
    bench.fast(2, 4 * WARM_UP_FAST_STFS, *SMALL)
    empty = bench.fast(2, 1, *SMALL).meter.processor_ms(1)
    spent, memory, runs = {}, {}, []
    for stfs in LENGTHS:
        run = bench.fast(2, stfs, *SMALL)
        rate = run.progress["slices_per_s"]
        print(f"{stfs} STFs: {run.slices} slices, {rate} a second", flush=True)
        whole = run.meter.processor_ms(1)
        spent[f"{stfs} STFs"] = {
            name: (total - empty.get(name, 0.0)) / stfs for name, total in whole.items()
        }
        memory[f"{stfs} STFs"] = run.meter.memory_mib()
        runs.append(run)
    print(table("ms an STF of one slice", spent))
    print(table("MiB", memory), flush=True)
    return spent, memory, runs


def growth(before: dict[str, float], after: dict[str, float]) -> float:
    """How many times as much memory the service holds that has grown most."""
    grown = [
        held / before[name]
        for name, held in after.items()
        if name in before and name != ALL and held - before[name] > LEAST_MIB
    ]
    return max(grown, default=1.0)


def main() -> None:
    with TestbedStack(overrides=("agents.processing.enabled=false",)) as stack:
        bench = Bench(stack)
        workers, first = by_workers(bench)
        spent, memory, second = by_length(bench)
    slice_costs = [column[ALL] for column in workers.values()]
    *shorter, longest = [column[ALL] for column in spent.values()]
    *_, before, after = memory.values()
    figures = {
        "workers_spread": max(slice_costs) / min(slice_costs),
        "stfs_growth": longest / min(shorter),
        "memory_growth": growth(before, after),
        "lost": sum(run.lost for run in [*first, *second]),
    }
    for count, run in zip(TRANSFORMERS, first, strict=True):
        figures[f"slices_per_s_{count}"] = run.progress["slices_per_s"]
    finish("scaling", figures, {"workers": workers, "lengths": spent, "memory": memory})


if __name__ == "__main__":
    main()
