"""`testbed up` over `docker compose up --wait` of the same services, on empty volumes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from testbed.engine.compose import variables
from testbed.integration import TestbedStack

ROUNDS = 3


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Seconds that a command takes, and what it prints."""
    started = time.monotonic()
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return time.monotonic() - started, done.stderr


def main() -> None:
    stack = TestbedStack()
    session = stack.session
    session.initialise()
    session.build()
    compose = [*stack.compose_command_property, "up", "--detach", "--wait"]
    theirs, ours = [], []
    try:
        for _ in range(ROUNDS):
            seconds, _ = timed([*compose, *session.plan.services], dict(session.environment))
            theirs.append(seconds)
            stack.command("down", "--volumes")
            started = time.monotonic()
            done = stack.command("up")
            ours.append(time.monotonic() - started)
            if done.returncode:
                sys.exit(done.stderr)
            stack.command("down", "--volumes")
    finally:
        with variables(stack.environment):
            session.compose.down(volumes=True)
        stack.forget()
    print(f"docker compose up --wait: {statistics.median(theirs):.2f} s (median of {ROUNDS})")
    print(f"testbed up:               {statistics.median(ours):.2f} s")
    print(f"ratio:                    {statistics.median(ours) / statistics.median(theirs):.2f}")


if __name__ == "__main__":
    main()
