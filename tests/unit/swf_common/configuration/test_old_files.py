"""Files of the predecessor load: `script` with a note, `[parameters]`, and no `program`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from swf_common.configuration import resolve, resolve_workflow
from testbed.project import ROOT
from tests.unit.testbed.testbed_files import Files

OLD = """
[testbed]
namespace = "torre1"

[agents.data]
enabled = true
script = "example_agents/example_data_agent.py"

[agents.processing]
enabled = false

[workflow]
name = "data_taking"
config = "fast"
realtime = true

[parameters]
stf_count = 5
"""


def test_an_old_file_loads(files: Files) -> None:
    files.testbed(OLD)
    configuration = files.resolve()
    assert list(configuration.enabled_agents) == ["data"]
    assert configuration.parameters.sections()["fast"]["stf_count"] == 5


def test_script_is_accepted_with_a_note_that_says_what_to_write(files: Files) -> None:
    files.testbed(OLD)
    (note,) = files.resolve().notes
    assert "testbed.toml" in note
    assert "[agents.data]" in note
    assert '"script"' in note
    assert "program" in note


def test_script_does_not_travel(files: Files) -> None:
    files.testbed(OLD)
    assert "script" not in files.resolve().resolved()["agents"]["data"]


def test_a_present_day_file_has_no_notes(files: Files) -> None:
    files.more('[agents.data]\nenabled = true\nprogram = "example-data-agent"\n')
    assert files.resolve().notes == []


SEED = """
[testbed]
namespace = "torre1"

[workflow]
name = "stf_datataking"
config = "fast_processing_default"

[agents.processing]
enabled = true
script = "example_agents/example_processing_agent.py"

[fast_processing]
stf_count = 5

[daq_state_machine]
stf_interval = 1.0

[parameters]
physics_period_count = 2
"""


def test_data_taking_runs_with_the_configuration_of_fast_processing(tmp_path: Path) -> None:
    file = tmp_path / "testbed.toml"
    file.write_text(SEED)
    configuration = resolve(file, ROOT / "workflows")
    values = configuration.parameters.model_dump()
    assert configuration.workflow.name == "stf_datataking"
    assert (values["stf_count"], values["stf_interval"]) == (5, 1.0)
    assert (values["physics_period_count"], values["stf_sampling_rate"]) == (2, 1.0)


def test_every_section_of_the_predecessor_takes_any_parameter(files: Files) -> None:
    for section in ("simulation", "stf_processing", "daq_state_machine", "parameters"):
        files.testbed(OLD.replace("[parameters]", f"[{section}]"))
        assert files.resolve().parameters.model_dump()["stf_count"] == 5


PREDECESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    "stf_datataking": (
        """
[workflow]
name = "stf_datataking"
version = "1.0"
includes = ["daq_state_machine.toml"]

[simulation]
stf_count = 5
physics_period_count = 1
physics_period_duration = 60
stf_interval = 2.2
realtime = true
""",
        {"stf_count": 5, "stf_interval": 2.2},
    ),
    "fast_processing": (
        """
[testbed]
namespace = "torre2"

[workflow]
name = "fast_processing"
version = "1.0"
includes = ["daq_state_machine.toml"]

[fast_processing]
stf_count = 10
physics_period_count = 1
target_worker_count = 30
stf_sampling_rate = 1.0
slices_per_sample = 15
slice_processing_time = 30
worker_rampup_time = 300
worker_rampdown_time = 60
""",
        {"stf_count": 10, "slice_processing_time": 30},
    ),
    "prompt_processing": (
        """
[testbed]
namespace = "test-user"

[workflow]
name = "prompt_processing"
config = "prompt_processing_default"
includes = ["daq_state_machine.toml"]

[simulation]
stf_count = 3
physics_period_count = 1
realtime = true

[prompt_processing]
container = ""
panda_poll_interval_seconds = 60
panda_poll_timeout_seconds = 0
""",
        {"stf_count": 3},
    ),
}
DAQ = """
[daq_state_machine]
no_beam_not_ready_delay = 5
beam_not_ready_delay = 5
beam_ready_delay = 2
beam_not_ready_end_delay = 5
broadcast_delay = 1
stf_interval = 2.0
stf_generation_time = 0.1
physics_period_duration = 10
physics_period_count = 2
standby_duration = 2
"""


@pytest.mark.parametrize("name", PREDECESSORS)
def test_the_configurations_of_the_predecessor_load_as_they_are(tmp_path: Path, name: str) -> None:
    text, values = PREDECESSORS[name]
    folder = tmp_path / "workflows"
    shutil.copytree(ROOT / "workflows", folder)
    (folder / "daq_state_machine.toml").write_text(DAQ)
    (folder / "theirs.toml").write_text(text)
    resolved = resolve_workflow(folder, name, "theirs", {}, "torre1")
    assert resolved.parameters.model_dump().items() >= values.items()
