"""A folder with a testbed.toml and a few small workflows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swf_common.configuration import Configuration, resolve

DEFAULT_TESTBED = """
[testbed]
namespace = "torre1"

[workflow]
name = "data_taking"
config = "fast"
"""

DATA_TAKING = """
from workflows.api import DaqStateMachine, Whole, parameter


class Parameters(DaqStateMachine):
    section = "fast"

    stf_count: Whole = DaqStateMachine.default("stf_count", 7)
    sampling_rate: float = parameter(1.0, "part of the STFs", le=1)
    detector: str = parameter("all", "which one")
    merge: bool = parameter(True, "whether")


def workflow(env, daq):
    yield env.timeout(1)
"""

DEFAULT_FILES = {
    "daq.toml": "[daq_state_machine]\nstf_interval = 2.0\nstandby_duration = 2\n",
    "fast.toml": """
[workflow]
name = "data_taking"
includes = ["daq.toml"]

[agents.data]
enabled = true

[fast]
stf_count = 10

[expect]
stf_processed = 10
""",
    "data_taking_default.toml": '[workflow]\nname = "data_taking"\nincludes = ["daq.toml"]\n',
}


@dataclass
class Files:
    """The files of one testbed, written as they are given."""

    folder: Path

    @property
    def workflows(self) -> Path:
        return self.folder / "workflows"

    def testbed(self, text: str) -> None:
        """Write testbed.toml."""
        (self.folder / "testbed.toml").write_text(text)

    def more(self, text: str) -> None:
        """Append to testbed.toml."""
        with (self.folder / "testbed.toml").open("a") as file:
            file.write(text)

    def workflow(self, name: str, text: str) -> None:
        """Write a workflow's file."""
        (self.workflows / name).write_text(text)

    def resolve(self, *overrides: str, **options: Any) -> Configuration:
        """Resolve what is there, with `--set` overrides."""
        return resolve(
            Path("testbed.toml"), Path("workflows"), overrides=list(overrides), **options
        )


def write_testbed(folder: Path) -> Files:
    """Write a testbed.toml and a few small workflows."""
    files = Files(folder)
    files.workflows.mkdir()
    files.workflow("data_taking.py", DATA_TAKING)
    for name, text in DEFAULT_FILES.items():
        files.workflow(name, text)
    files.testbed(DEFAULT_TESTBED)
    return files
