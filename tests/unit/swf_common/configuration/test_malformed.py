"""Malformed configurations: each message names the file, the place and the nearest valid name."""

from __future__ import annotations

import pytest

from swf_common.errors import ConfigurationError, ExitCode
from tests.unit.testbed.testbed_files import DEFAULT_TESTBED, Files

MALFORMED: dict[str, tuple[str, tuple[str, ...]]] = {
    "an empty file": ("", ("testbed.toml", "[testbed]", "namespace")),
    "no TOML": ("[testbed\nnamespace = 1", ("testbed.toml", "not valid TOML", "line 1")),
    "a key given twice": (
        '[testbed]\nnamespace = "a"\nnamespace = "b"\n',
        ("testbed.toml", "not valid TOML", "line 3"),
    ),
    "a key outside of any section": (
        'namespace = "torre1"\n',
        ("testbed.toml", '"namespace" stands outside of any [section]'),
    ),
    "no namespace": (
        '[testbed]\n[workflow]\nname = "data_taking"\n',
        ("testbed.toml", "[testbed]", "namespace"),
    ),
    "a mistyped namespace key": (
        '[testbed]\nnamespcae = "torre1"\n[workflow]\nname = "data_taking"\n',
        ("testbed.toml", '[testbed] has no key "namespcae"', 'did you mean "namespace"?'),
    ),
    "a namespace that is not allowed": (
        '[testbed]\nnamespace = "Torre 1"\n[workflow]\nname = "data_taking"\n',
        ("testbed.toml", '[testbed] namespace = "Torre 1"', "lower-case letters"),
    ),
    "a namespace that is no text": (
        '[testbed]\nnamespace = 1\n[workflow]\nname = "data_taking"\n',
        ("testbed.toml", "[testbed] namespace = 1", "must be a text"),
    ),
    "no workflow": (
        '[testbed]\nnamespace = "torre1"\n',
        ("testbed.toml", '[workflow] the key "name" is missing'),
    ),
    "an unknown workflow": (
        '[testbed]\nnamespace = "torre1"\n[workflow]\nname = "data_takin"\n',
        ("testbed.toml", "[workflow]", '"data_takin"', 'did you mean "data_taking"?'),
    ),
    "an unknown configuration": (
        '[testbed]\nnamespace = "a"\n[workflow]\nname = "data_taking"\nconfig = "fats"\n',
        ("testbed.toml", '[workflow] config = "fats"', 'did you mean "fast"?'),
    ),
    "an unknown key of an agent": (
        DEFAULT_TESTBED + "[agents.data]\nenabeld = true\n",
        ("testbed.toml", '[agents.data] has no key "enabeld"', 'did you mean "enabled"?'),
    ),
    "an unknown key of the supervisor": (
        DEFAULT_TESTBED + "[supervisor]\nenable = false\n",
        ("testbed.toml", '[supervisor] has no key "enable"', 'did you mean "enabled"?'),
    ),
    "a mistyped supervisor": (
        DEFAULT_TESTBED + "[supervisr]\nenabled = false\n",
        ("testbed.toml", "[supervisr]", 'did you mean "supervisor"?'),
    ),
    "an agent that is no section": (
        DEFAULT_TESTBED + "[agents]\ndata = true\n",
        ("testbed.toml", "[agents] data = true", "[agents.data]"),
    ),
    "a value of another type": (
        DEFAULT_TESTBED + '[agents.data]\nreplicas = "two"\n',
        ("testbed.toml", '[agents.data] replicas = "two"', "whole number"),
    ),
    "a value out of range": (
        DEFAULT_TESTBED + "[agents.data]\nreplicas = 0\n",
        ("testbed.toml", "[agents.data] replicas = 0", "greater than or equal to 1"),
    ),
    "a parameter under a system section": (
        DEFAULT_TESTBED + "stf_count = 5\n",
        ("testbed.toml", '[workflow] has no key "stf_count"', "it belongs under [fast]"),
    ),
    "a parameter of an agent": (
        DEFAULT_TESTBED + "[agents.data]\nstandby_duration = 5\n",
        ('[agents.data] has no key "standby_duration"', "belongs under [daq_state_machine]"),
    ),
    "an agent's key under testbed": (
        '[testbed]\nreplicas = 2\nnamespace = "torre1"\n',
        ('[testbed] has no key "replicas"', "it belongs under [agents.<key>]"),
    ),
    "a key of the workflow among its parameters": (
        DEFAULT_TESTBED + "[fast]\nduration = 20\n",
        ('[fast] has no key "duration"', "it belongs under [workflow]"),
    ),
    "a parameter with two values": (
        DEFAULT_TESTBED + "[fast]\nstf_count = 6\n[daq_state_machine]\nstf_count = 5\n",
        (
            "testbed.toml: [daq_state_machine] stf_count = 5 is not used",
            "[fast] has another value; set it in one section",
        ),
    ),
    "an unknown section": (
        DEFAULT_TESTBED + "[fats]\nstf_count = 5\n",
        ("testbed.toml", "[fats]", 'did you mean "fast"?'),
    ),
    "an unknown parameter": (
        DEFAULT_TESTBED + "[fast]\nstf_cuont = 5\n",
        ("testbed.toml", '[fast] has no key "stf_cuont"', 'did you mean "stf_count"?'),
    ),
    "an unknown parameter of old": (
        DEFAULT_TESTBED + "[parameters]\nstf_cuont = 5\n",
        ("testbed.toml", '"stf_cuont"', 'did you mean "stf_count"?'),
    ),
    "a parameter of another type": (
        DEFAULT_TESTBED + '[fast]\nstf_count = "many"\n',
        ("testbed.toml", '[fast] stf_count = "many"', "must be a whole number"),
    ),
    "a number for a text": (
        DEFAULT_TESTBED + "[fast]\ndetector = 5\n",
        ("testbed.toml", "[fast] detector = 5", "must be a text"),
    ),
    "a number for true or false": (
        DEFAULT_TESTBED + "[fast]\nmerge = 1\n",
        ("testbed.toml", "[fast] merge = 1", "must be true or false"),
    ),
    "true for a number": (
        DEFAULT_TESTBED + "[fast]\nstf_count = true\n",
        ("testbed.toml", "[fast] stf_count = true", "must be a whole number"),
    ),
    "a negative parameter": (
        DEFAULT_TESTBED + "[daq_state_machine]\nstf_interval = -1\n",
        ("testbed.toml", "[daq_state_machine] stf_interval = -1", "must be at least 0"),
    ),
    "an endless parameter": (
        DEFAULT_TESTBED + "[daq_state_machine]\nstf_interval = inf\n",
        ("testbed.toml", "[daq_state_machine] stf_interval = inf", "finite"),
    ),
    "half an STF": (
        DEFAULT_TESTBED + "[fast]\nstf_count = 2.5\n",
        ("testbed.toml", "[fast] stf_count = 2.5", "whole number"),
    ),
    "a fraction above one": (
        DEFAULT_TESTBED + "[fast]\nsampling_rate = 1.5\n",
        ("testbed.toml", "[fast] sampling_rate = 1.5", "must be 0 to 1"),
    ),
    "a section where a value should be": (
        DEFAULT_TESTBED + "[fast.stf_count]\nmost = 5\n",
        ("testbed.toml", "[fast]", "stf_count"),
    ),
    "an unknown expectation": (
        DEFAULT_TESTBED + "[expect]\nstf_procesed = 5\n",
        ("testbed.toml", '[expect] has no key "stf_procesed"', 'did you mean "stf_processed"?'),
    ),
    "an unknown key of the workflow": (
        DEFAULT_TESTBED + "realtiem = true\n",
        ("testbed.toml", '[workflow] has no key "realtiem"', 'did you mean "realtime"?'),
    ),
    "an endless duration": (
        DEFAULT_TESTBED + "duration = inf\n",
        ("testbed.toml", "[workflow] duration = inf", "finite"),
    ),
    "a negative duration": (
        DEFAULT_TESTBED + "duration = -1\n",
        ("testbed.toml", "[workflow] duration = -1", "greater than or equal to 0"),
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_file_is_refused_with_its_place_and_the_nearest_name(
    files: Files, case: str
) -> None:
    text, parts = MALFORMED[case]
    files.testbed(text)
    with pytest.raises(ConfigurationError) as caught:
        files.resolve()
    message = f"{caught.value} {caught.value.hint}"
    assert [part for part in parts if part not in message] == [], message
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_every_mistake_of_a_section_is_told_at_once(files: Files) -> None:
    files.more("[agents.data]\nenabeld = true\nreplicas = 0\n")
    with pytest.raises(ConfigurationError) as caught:
        files.resolve()
    assert "enabeld" in str(caught.value)
    assert "replicas" in str(caught.value)


WORKFLOW_HEAD = '[workflow]\nname = "data_taking"\n'
MALFORMED_WORKFLOWS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "a missing include": (
        {"fast.toml": WORKFLOW_HEAD + 'includes = ["dqa.toml"]\n'},
        ("workflows/fast.toml", "includes", '"dqa.toml"', 'did you mean "daq.toml"?'),
    ),
    "includes that are no list": (
        {"fast.toml": WORKFLOW_HEAD + 'includes = "daq.toml"\n'},
        ("workflows/fast.toml", "[workflow] includes", "list"),
    ),
    "includes that are no names": (
        {"fast.toml": WORKFLOW_HEAD + "includes = [1]\n"},
        ("workflows/fast.toml", "[workflow] includes", "list"),
    ),
    "a file that includes itself": (
        {"fast.toml": WORKFLOW_HEAD + 'includes = ["fast.toml"]\n'},
        ("workflows/fast.toml", "fast.toml -> fast.toml"),
    ),
    "files that include each other": (
        {
            "fast.toml": WORKFLOW_HEAD + 'includes = ["other.toml"]\n',
            "other.toml": '[workflow]\nincludes = ["fast.toml"]\n',
        },
        ("workflows/other.toml", "fast.toml -> other.toml -> fast.toml"),
    ),
    "a file that includes itself by another path": (
        {"fast.toml": WORKFLOW_HEAD + 'includes = ["../workflows/fast.toml"]\n'},
        ("workflows/fast.toml", "include each other"),
    ),
    "an include that is no TOML": (
        {"daq.toml": "[daq_state_machine\n"},
        ("workflows/daq.toml", "not valid TOML"),
    ),
    "a mistyped key of the workflow": (
        {"fast.toml": WORKFLOW_HEAD + 'inlcudes = ["daq.toml"]\n'},
        ("workflows/fast.toml", "inlcudes", 'did you mean "includes"?'),
    ),
    "a bad value": (
        {"fast.toml": WORKFLOW_HEAD + "[fast]\nstf_count = -1\n"},
        ("workflows/fast.toml", "[fast] stf_count = -1", "must be at least 0"),
    ),
}


@pytest.mark.parametrize("case", MALFORMED_WORKFLOWS)
def test_a_malformed_workflow_file_is_refused_by_its_name(files: Files, case: str) -> None:
    contents, parts = MALFORMED_WORKFLOWS[case]
    for name, text in contents.items():
        files.workflow(name, text)
    with pytest.raises(ConfigurationError) as caught:
        files.resolve()
    assert [part for part in parts if part not in str(caught.value)] == [], caught.value


def test_a_missing_file_is_refused(files: Files) -> None:
    (files.folder / "testbed.toml").unlink()
    with pytest.raises(ConfigurationError, match=r"^testbed\.toml: there is no such file$"):
        files.resolve()


def test_a_folder_in_place_of_the_file_is_refused(files: Files) -> None:
    (files.folder / "testbed.toml").unlink()
    (files.folder / "testbed.toml").mkdir()
    with pytest.raises(ConfigurationError, match=r"^testbed\.toml: cannot be read: "):
        files.resolve()


def test_a_file_that_is_not_utf8_is_refused_with_the_byte(files: Files) -> None:
    (files.folder / "testbed.toml").write_bytes(b'[testbed]\nnamespace = "\xff"\n')
    with pytest.raises(ConfigurationError, match=r"^testbed\.toml: is not UTF-8 text \(byte 23\)$"):
        files.resolve()


@pytest.mark.parametrize("text", ["stf_count", "=5", "fast.=5", ".stf_count=5", "a..b=1", ""])
def test_a_malformed_set_is_refused_with_an_example(files: Files, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        files.resolve(text)
    assert "--set" in str(caught.value)
    assert "section.key=value" in str(caught.value)
    assert "--set fast_processing.stf_count=200" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("fast.stf_cuont=5", ("--set", "stf_cuont", 'did you mean "stf_count"?')),
        ("stf_cuont=5", ("--set", "stf_cuont", 'did you mean "stf_count"?')),
        ("fats.stf_count=5", ("--set", "[fats]", 'did you mean "fast"?')),
        ("fast.stf_count=many", ("--set", "stf_count", "must be a whole number")),
        ("duration=20", ("--set", '"duration"', "it belongs under [workflow]")),
        ("expect.duration=20", ("--set", "[expect]", "it belongs under [workflow]")),
        ("agents.data.enabeld=true", ("--set", "enabeld", 'did you mean "enabled"?')),
        ("agents.data=true", ("--set", "[agents.data]")),
        ("testbed.namespace=Torre", ("--set", "namespace", "Torre")),
        ("workflow.name=data_takin", ("--set", "data_takin", 'did you mean "data_taking"?')),
        ("workflow.config=fats", ("--set", "fats", 'did you mean "fast"?')),
        ("expect.stf_procesed=5", ("--set", 'did you mean "stf_processed"?')),
    ],
)
def test_a_wrong_override_is_told_as_one_of_set(
    files: Files, text: str, parts: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        files.resolve(text)
    assert [part for part in parts if part not in str(caught.value)] == [], caught.value
