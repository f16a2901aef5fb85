"""Ctrl+C and SIGTERM, also where the command was started with SIGINT ignored."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from swf_common.errors import ExitCode
from testbed.project import ROOT, Project
from tests.waiting import eventually

SIGNALS = [signal.SIGINT, signal.SIGTERM]
DOCKER = """#!/bin/sh
trap 'echo interrupted >>"$SEEN"; exit 130' INT
echo started >>"$SEEN"
while :; do sleep 0.05; done
"""
BRING_UP = """
import sys
from pathlib import Path
from testbed.commands import main
from testbed.engine.compose import PythonOnWhalesCompose
from testbed.project import Project

def up(**_):
    PythonOnWhalesCompose(Project("torre1", Path.cwd()), {}).up(["monitor"], {})

main.cli.main = up
main.main()
"""


@contextmanager
def started(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that was started with SIGINT ignored, as background jobs are."""
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, *command]
    with subprocess.Popen(
        ignoring,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CI": "true", **environment},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def project() -> Iterator[Project]:
    made = Project(f"unit-{uuid4().hex[:8]}")
    yield made
    shutil.rmtree(made.folder)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_that_was_started_with_sigint_ignored_can_be_interrupted(
    project: Project, number: signal.Signals
) -> None:
    arguments = ("-m", "testbed.commands.main", "up", "--namespace", project.namespace)
    with project.lock(lambda: None), started(*arguments) as process:
        assert process.stderr is not None
        assert "Waiting for another command" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(20) == ExitCode.INTERRUPTED
        assert "Interrupted" in process.stderr.read()


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_reaches_compose_and_its_end_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compose.yaml").write_text("")
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    seen = tmp_path / "seen"
    path = f"{tmp_path}:{os.environ['PATH']}"
    with started("-c", BRING_UP, PATH=path, SEEN=str(seen)) as process:
        eventually(lambda: seen.exists() and seen.read_text(), "docker is started")
        process.send_signal(number)
        assert process.wait(20) == ExitCode.INTERRUPTED
        assert seen.read_text().split() == ["started", "interrupted"]
