"""The life of a program: signals ask it to stop, and its own end ends the process at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PATIENCE_S = 30.0
PROGRAM = """
import sys, threading
from swf_common.service.process import main

class Program:
    asked = 0

    def __init__(self):
        self.stopping = threading.Event()

    def run(self):
        print("runs", flush=True)
        if sys.argv[1] == "fails":
            raise RuntimeError("a defect")
        if sys.argv[1] == "waits":
            self.stopping.wait()
        print("asked", self.asked, flush=True)

    def stop(self):
        self.asked += 1
        print("stop", flush=True)
        if self.asked == 2:
            self.stopping.set()

sys.exit(main(Program))
"""


def started(how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_each_signal_asks_the_program_to_stop_until_it_has_ended() -> None:
    with started("waits") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        for asked in (signal.SIGTERM, signal.SIGINT):
            process.send_signal(asked)
            assert process.stdout.readline() == "stop\n"
        assert process.stdout.readline() == "asked 2\n"
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(("how", "status"), [("ends", 0), ("fails", 1)])
def test_a_program_that_ends_by_itself_ends_the_process(how: str, status: int) -> None:
    with started(how) as process:
        assert process.wait(PATIENCE_S) == status
