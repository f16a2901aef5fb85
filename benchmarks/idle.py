"""What a testbed takes while nothing happens: processor time and memory, by service.

It is the default testbed after a run: what programs import and cache for their work is there.
"""

from __future__ import annotations

import time

from benchmarks.outcome import finish
from benchmarks.runs import WARM_UP_STFS, Bench
from benchmarks.usage import ALL, metered, table
from testbed.integration import TestbedStack

SETTLING_S = 30.0
"""Seconds after the run until nothing is left to do."""
MEASURED_S = 60.0


def main() -> None:
    with TestbedStack() as stack:
        Bench(stack).chain(WARM_UP_STFS)
        time.sleep(SETTLING_S)
        started = time.monotonic()
        with metered(stack) as meter:
            time.sleep(MEASURED_S)
        seconds = time.monotonic() - started
    # a millisecond of processor time in a second is a thousandth of a core
    percent = {name: one / 10 for name, one in meter.processor_ms(seconds).items()}
    columns = {"% of a core": percent, "MiB": meter.memory_mib()}
    print(table("idle", columns))
    figures = {"processor_percent": percent.pop(ALL), "memory_mib": columns["MiB"][ALL]}
    for name, share in percent.items():
        figures[f"{name}_percent"] = share
        figures[f"{name}_mib"] = columns["MiB"][name]
    finish("idle", figures, {"idle": columns})


if __name__ == "__main__":
    main()
