"""`testbed up` over `docker compose up --wait` of the same services, on empty volumes; how soon the
gate sees the last READY; and what commands take that start nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from statistics import median

from benchmarks.outcome import finish
from benchmarks.usage import MIB, Used, processor_ms, table, used
from testbed.engine.compose import variables
from testbed.integration import TestbedStack
from tests.rest import Api

ROUNDS = 3
CALLS = 5
"""Of each command that starts nothing; the median counts."""


class Bench:
    """Starts one stack in both ways, by turns."""

    def __init__(self, stack: TestbedStack) -> None:
        self._stack = stack
        self._session = stack.session
        self.theirs: list[float] = []
        self.ours: list[float] = []
        self.verdicts: list[float] = []
        self.usage: dict[str, Used] = {}

    def round(self) -> None:
        """Start it by Compose, then by the command, each time on empty volumes."""
        compose = [*self._stack.compose_command_property, "up", "--detach", "--wait"]
        environment = {**os.environ, **self._session.environment}
        started = time.monotonic()
        subprocess.run(
            [*compose, *self._session.plan.services],
            env=environment,
            capture_output=True,
            check=True,
        )
        self.theirs.append(time.monotonic() - started)
        self.remove()
        self.ours.append(self.seconds("up"))
        ended = time.time()
        self.verdicts.append(ended - self._last_heartbeat())
        self.usage = used(self._stack)

    def seconds(self, *arguments: str) -> float:
        """Seconds that a `testbed` command takes."""
        started = time.monotonic()
        done = self._stack.command(*arguments)
        taken = time.monotonic() - started
        assert done.returncode == 0, done.stderr
        return taken

    def remove(self) -> None:
        """Remove all of the stack but its secrets."""
        self._stack.command("down", "--volumes")

    def _last_heartbeat(self) -> float:
        """When the last agent reported, just after a start: it was its first READY."""
        rows = Api(self._stack, "viewer").get("readiness/", namespace=self._stack.namespace)
        return max(
            datetime.fromisoformat(row["last_heartbeat"]).timestamp() for row in rows["heartbeats"]
        )


def help_seconds() -> float:
    """Seconds that `testbed --help` takes."""
    started = time.monotonic()
    command = [sys.executable, "-m", "testbed.commands.main", "--help"]
    subprocess.run(command, capture_output=True, check=True)
    return time.monotonic() - started


def main() -> None:
    stack = TestbedStack()
    stack.session.initialise()
    stack.session.build()
    bench = Bench(stack)
    try:
        for number in range(ROUNDS):
            bench.round()
            if number < ROUNDS - 1:
                bench.remove()
        commands = {
            "help_s": median(help_seconds() for _ in range(CALLS)),
            "status_s": median(bench.seconds("status") for _ in range(CALLS)),
        }
    finally:
        with variables(stack.environment):
            stack.session.compose.down(volumes=True)
        stack.forget()
    theirs, ours = median(bench.theirs), median(bench.ours)
    print(f"docker compose up --wait: {theirs:.2f} s (median of {ROUNDS})")
    print(f"testbed up:               {ours:.2f} s; {ours / theirs:.2f} of it")
    columns = {
        "processor s": {name: ms / 1000 for name, ms in processor_ms({}, bench.usage, 1).items()},
        "MiB": {name: one.memory_bytes / MIB for name, one in bench.usage.items()},
    }
    print(table("until READY", columns))
    figures = {
        "ratio": ours / theirs,
        "compose_s": theirs,
        "up_s": ours,
        "verdict_s": median(bench.verdicts),
        **commands,
    }
    finish("start_up", figures, {"until READY": columns})


if __name__ == "__main__":
    main()
