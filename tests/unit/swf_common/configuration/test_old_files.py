"""Files of the predecessor load: `script` with a note, `[parameters]`, and no `program`."""

from __future__ import annotations

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
