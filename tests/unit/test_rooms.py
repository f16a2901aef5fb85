"""The arrows between the rooms: what .importlinter refuses, and that a module needs no entry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("agents", "monitor", "supervisor", "swf_common", "testbed", "workflows")
FORBIDDEN = (
    ("swf_common.protocol.states", "swf_common.configuration.model"),
    ("swf_common.broker.model", "agents.runtime.agent"),
    ("testbed.engine.compose", "testbed.gate.plan"),
    ("testbed.gate.plan", "testbed.run.report"),
    ("testbed.run.report", "swf_common.broker.connection"),
    ("agents.runtime.agent", "testbed.project"),
    ("agents.data.volume", "swf_common.protocol.messages"),
    ("agents.programs.transformer.agent", "agents.programs.workflow_runner.agent"),
    ("monitor.records.models", "monitor.live.hub"),
    ("monitor.recorder.service", "monitor.pages.cells"),
    ("supervisor.service", "monitor.control.commands"),
    ("workflows.stf_datataking", "agents.programs.workflow_runner.daq"),
)


class House:
    """The project's modules, all empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".importlinter").write_text((ROOT / ".importlinter").read_text())
        for room in ROOMS:
            for file in (ROOT / room).rglob("*.py"):
                self.write(".".join(file.relative_to(ROOT).with_suffix("").parts), "")

    def write(self, module: str, text: str) -> None:
        path = self.folder.joinpath(*module.split(".")).with_suffix(".py")
        if path.with_suffix("").is_dir():
            path = path.with_suffix("") / "__init__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def lint(self) -> tuple[int, str]:
        done = subprocess.run(
            [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_every_forbidden_import_is_refused(house: House) -> None:
    for importing, imported in FORBIDDEN:
        house.write(importing, f"import {imported}\n")
    code, output = house.lint()
    assert code != 0
    assert [pair for pair in FORBIDDEN if f"{pair[0]} -> {pair[1]}" not in output] == []


def test_a_new_module_in_any_room_needs_no_entry(house: House) -> None:
    for room in {path.parent for path in house.folder.rglob("*.py")}:
        if room.parent != house.folder.parent and room not in (
            house.folder / "testbed",
            house.folder / "swf_common",
            house.folder / "agents",
            house.folder / "monitor",
        ):
            (room / "a_new_module.py").write_text("")
    assert house.lint()[0] == 0
