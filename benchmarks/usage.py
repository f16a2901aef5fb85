"""What the containers of a stack use: processor time and memory, by service, from the engine's
accounts. Unlike seconds, processor time is comparable on a busy machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from testbed.engine.docker_containers import connect
from testbed.integration import TestbedStack

ALL = "all"
MIB = 2**20


class Used(NamedTuple):
    """What a service's containers have used since they started, and hold now."""

    processor_s: float
    memory_bytes: int


def used(stack: TestbedStack) -> dict[str, Used]:
    """What each service uses; replicas of one add up."""
    engine = connect()
    running = [one for one in stack.session.containers.all() if one.state == "running"]

    def read(container_id: str) -> Used:
        stats: Any = engine.containers.get(container_id).stats(stream=False, one_shot=True)
        memory = stats["memory_stats"]
        # pages of files are the kernel's, which takes them back when it needs them
        cached = sum(_of_tree(memory["stats"], name) for name in ("inactive_file", "active_file"))
        return Used(stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, memory["usage"] - cached)

    with ThreadPoolExecutor(8) as pool:
        readings = list(pool.map(read, [one.container_id for one in running]))
    services: dict[str, Used] = defaultdict(lambda: Used(0.0, 0))
    for one, reading in zip(running, readings, strict=True):
        before = services[one.program]
        services[one.program] = Used(
            before.processor_s + reading.processor_s, before.memory_bytes + reading.memory_bytes
        )
    return dict(services)


def _of_tree(stats: Mapping[str, int], name: str) -> int:
    """A figure of a control group's tree; version 1 has it beside that of the group alone."""
    return stats.get(f"total_{name}", stats.get(name, 0))


def processor_ms(
    before: Mapping[str, Used], after: Mapping[str, Used], units: float
) -> dict[str, float]:
    """Milliseconds of processor time for each of so many units of work, by service and in all.

    A service that has used less than before was started again meanwhile: it counts from then on.
    """
    spent = {}
    for name, now in after.items():
        earlier = before.get(name, Used(0, 0)).processor_s
        since = earlier if now.processor_s >= earlier else 0.0
        spent[name] = 1000 * (now.processor_s - since) / units
    return {**spent, ALL: sum(spent.values())}


@dataclass
class Meter:
    """What the services of a stack use between two moments."""

    before: Mapping[str, Used]
    after: Mapping[str, Used] = field(default_factory=dict)

    def processor_ms(self, units: float) -> dict[str, float]:
        """As `processor_ms`, between the two moments."""
        return processor_ms(self.before, self.after, units)

    def memory_mib(self) -> dict[str, float]:
        """MiB of each service at the second moment, and in all."""
        held = {name: one.memory_bytes / MIB for name, one in self.after.items()}
        return {**held, ALL: sum(held.values())}

    def show(self, title: str, unit: str, units: float) -> dict[str, dict[str, float]]:
        """Print the table of processor time for each unit of work and of memory; its columns.

        :param unit: what was done so many times, such as `slice`
        """
        columns = {f"ms/{unit}": self.processor_ms(units), "MiB": self.memory_mib()}
        print(table(title, columns), flush=True)
        return columns


@contextmanager
def metered(stack: TestbedStack) -> Iterator[Meter]:
    """Meter the services of a stack during a block."""
    meter = Meter(used(stack))
    yield meter
    meter.after = used(stack)


def table(title: str, columns: Mapping[str, Mapping[str, float]]) -> str:
    """A table for people, one row a service, the largest first, the sum last.

    :param columns: by their heads; what is not in one is not shown there
    """
    first = next(iter(columns.values()))
    names = sorted((name for name in first if name != ALL), key=lambda name: -first[name])
    names += [name for column in columns.values() for name in column if name not in {*names, ALL}]
    lines = [f"{title:32}" + "".join(f"{head:>14}" for head in columns)]
    for name in dict.fromkeys([*names, ALL]):
        cells = (column.get(name) for column in columns.values())
        lines.append(
            f"  {name:30}"
            + "".join(f"{'' if cell is None else f'{cell:.2f}':>14}" for cell in cells)
        )
    return "\n".join(lines)
