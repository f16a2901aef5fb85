"""The wheel, installed where no checkout is, runs a workflow in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.integration import NAMESPACE_PREFIX
from testbed.project import ROOT

NAMESPACE = f"{NAMESPACE_PREFIX}{os.getpid()}-wheel"


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "CI": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def succeed(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    done = run(*command, folder=folder)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


@dataclass(frozen=True)
class User:
    """Somebody with a virtual environment and a folder of their own."""

    programs: Path
    folder: Path

    def testbed(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = (verb, "--namespace", NAMESPACE, *arguments)
        return succeed(self.programs / "testbed", *words, folder=self.folder)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A user who has built and installed the wheel, in the versions that this project locks."""
    around = tmp_path_factory.mktemp("user")
    build = ("pip", "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", around, ROOT)
    succeed(sys.executable, "-m", *build, folder=around)
    (wheel,) = around.glob("*.whl")
    locked = (ROOT / "requirements" / "dev.txt").read_text()
    constraints = around / "constraints.txt"
    constraints.write_text("\n".join(re.findall(r"^(\S+==.*?) \\$", locked, re.MULTILINE)))
    succeed(sys.executable, "-m", "venv", "venv", folder=around)
    programs = around / "venv" / "bin"
    install = ("install", "--no-compile", "--constraint", constraints, f"{wheel}[agent,testing]")
    succeed(programs / "pip", *install, folder=around)
    made = User(programs, around / "empty")
    made.folder.mkdir()
    yield made
    made.testbed("down", "--volumes", "--yes")


def test_it_runs_a_workflow_in_an_empty_folder(user: User) -> None:
    assert "Laid down in " in user.testbed("init").stderr
    ended = user.testbed("run", "--json", "--no-realtime", "--set", "stf_count=2")
    report = json.loads(ended.stdout)
    assert report["stf"] == {"generated": 2, "registered": 2, "processed": 2, "failed": 0}
    assert (user.folder / report["run_record"]).is_file()


@pytest.mark.parametrize(
    "modules",
    [
        "testbed.integration, testbed.testing",
        "agents.runtime.agent, agents.programs.workflow_runner.agent",
        "workflows.api, workflows.fast_processing",
    ],
)
def test_its_extras_bring_what_authors_import(user: User, modules: str) -> None:
    succeed(user.programs / "python", "-I", "-c", f"import {modules}", folder=user.folder)
