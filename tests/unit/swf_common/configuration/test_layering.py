"""Later wins, key by key: includes < workflow file < testbed.toml < `--set`, with origins."""

from __future__ import annotations

import pytest

from swf_common.configuration.model import flat_parameters
from tests.unit.testbed.testbed_files import Files


def test_an_included_value_stands_until_somebody_overrides_it(files: Files) -> None:
    configuration = files.resolve()
    assert configuration.parameters.sections()["daq_state_machine"]["stf_interval"] == 2.0
    assert configuration.origins["daq_state_machine", "stf_interval"] == "workflows/daq.toml"


def test_the_workflow_file_wins_over_what_it_includes(files: Files) -> None:
    files.workflow(
        "fast.toml",
        '[workflow]\nname = "data_taking"\nincludes = ["daq.toml"]\n'
        "[daq_state_machine]\nstf_interval = 3\n",
    )
    configuration = files.resolve()
    assert configuration.parameters.sections()["daq_state_machine"]["stf_interval"] == 3
    assert configuration.origins["daq_state_machine", "stf_interval"] == "workflows/fast.toml"


def test_testbed_toml_wins_over_the_workflow_file(files: Files) -> None:
    files.more("[fast]\nstf_count = 5\n")
    configuration = files.resolve()
    assert configuration.parameters.sections()["fast"]["stf_count"] == 5
    assert configuration.origins["fast", "stf_count"] == "testbed.toml"


def test_set_wins_over_testbed_toml(files: Files) -> None:
    files.more("[fast]\nstf_count = 5\n")
    configuration = files.resolve("fast.stf_count=7")
    assert configuration.parameters.sections()["fast"]["stf_count"] == 7
    assert configuration.origins["fast", "stf_count"] == "--set"


def test_an_override_leaves_the_other_keys_of_its_section(files: Files) -> None:
    files.more("[fast]\nstf_count = 5\n")
    configuration = files.resolve("fast.detector=tracker")
    assert configuration.parameters.sections()["fast"] == {
        "stf_count": 5,
        "sampling_rate": 1.0,
        "detector": "tracker",
        "merge": True,
    }
    assert ("fast", "sampling_rate") not in configuration.origins


def test_of_two_includes_the_later_wins(files: Files) -> None:
    files.workflow("slow.toml", "[daq_state_machine]\nstf_interval = 9.0\n")
    for order, interval in (('"daq.toml", "slow.toml"', 9.0), ('"slow.toml", "daq.toml"', 2.0)):
        files.workflow("fast.toml", f'[workflow]\nname = "data_taking"\nincludes = [{order}]\n')
        configuration = files.resolve()
        assert configuration.parameters.sections()["daq_state_machine"]["stf_interval"] == interval


def test_an_include_may_include(files: Files) -> None:
    files.workflow("middle.toml", '[workflow]\nincludes = ["daq.toml"]\n[middle]\nmerge = false\n')
    head = '[workflow]\nname = "data_taking"\n'
    files.workflow("fast.toml", head + 'includes = ["middle.toml"]\n')
    configuration = files.resolve()
    assert configuration.origins["daq_state_machine", "stf_interval"] == "workflows/daq.toml"
    assert configuration.origins["fast", "merge"] == "workflows/middle.toml"
    assert configuration.parameters.sections()["fast"]["merge"] is False


def test_parameters_overrides_a_key_wherever_it_lives(files: Files) -> None:
    files.more("[parameters]\nstf_count = 4\n")
    sections = files.resolve().parameters.sections()
    assert sections["fast"]["stf_count"] == 4
    assert "parameters" not in sections


def test_a_parameter_stands_in_one_section_whoever_sets_it(files: Files) -> None:
    files.more("[daq_state_machine]\nstf_count = 4\n")
    configuration = files.resolve()
    assert configuration.parameters.sections()["fast"]["stf_count"] == 4
    assert "stf_count" not in configuration.parameters.sections()["daq_state_machine"]
    assert configuration.origins["fast", "stf_count"] == "testbed.toml"


def test_set_of_a_bare_key_overrides_it_wherever_it_lives(files: Files) -> None:
    configuration = files.resolve("stf_count=4")
    assert configuration.parameters.sections()["fast"]["stf_count"] == 4
    assert configuration.origins["fast", "stf_count"] == "--set"


def test_a_section_may_set_a_key_that_another_section_knows(files: Files) -> None:
    files.more("[fast]\nstf_interval = 0.5\n")
    flat = flat_parameters(files.resolve().resolved())
    assert flat["stf_interval"] == 0.5


def test_the_workflows_own_sections_win_over_the_state_machine(files: Files) -> None:
    assert flat_parameters(files.resolve().resolved())["stf_count"] == 10


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fast.stf_count=3", 3),
        ("fast.stf_count = 3 ", 3),
        ("fast.sampling_rate=0.25", 0.25),
        ("fast.detector=tracker", "tracker"),
        ('fast.detector="the tracker"', "the tracker"),
        ("fast.detector=", ""),
        ("fast.merge=false", False),
    ],
)
def test_set_reads_values_as_toml_does_and_a_bare_word_as_text(
    files: Files, text: str, value: object
) -> None:
    key = text.partition("=")[0].strip().removeprefix("fast.")
    seen = files.resolve(text).parameters.sections()["fast"][key]
    assert (seen, type(seen)) == (value, type(value))


def test_set_reaches_every_section(files: Files) -> None:
    configuration = files.resolve(
        "testbed.namespace=torre2",
        "workflow.duration=12",
        "agents.data.enabled=true",
        "agents.data.replicas=2",
        "expect.stf_failed=1",
    )
    assert configuration.namespace == "torre2"
    assert configuration.workflow.duration == 12
    assert configuration.enabled_agents["data"].replicas == 2
    assert configuration.expect.stf_failed == 1


def test_the_options_of_the_command_win_over_everything(files: Files) -> None:
    configuration = files.resolve(
        "testbed.namespace=torre2",
        "workflow.duration=12",
        "workflow.realtime=true",
        namespace="torre3",
        duration=30,
        realtime=False,
    )
    assert configuration.namespace == "torre3"
    assert (configuration.workflow.duration, configuration.workflow.realtime) == (30, False)
    assert configuration.origins["testbed", "namespace"] == "--namespace"
    assert configuration.origins["workflow", "duration"] == "--duration"


def test_without_a_named_configuration_the_workflows_default_is_taken(files: Files) -> None:
    files.testbed('[testbed]\nnamespace = "a"\n[workflow]\nname = "data_taking"\n')
    assert files.resolve().parameters.sections()["fast"]["stf_count"] == 7


def test_what_is_left_out_has_its_documented_default(files: Files) -> None:
    files.more("[agents.data]\nenabled = true\n")
    configuration = files.resolve()
    assert (configuration.workflow.duration, configuration.workflow.realtime) == (0, True)
    data = configuration.agents["data"]
    assert (data.required, data.replicas, data.ready_timeout) == (True, 1, 90)


def test_the_supervisor_runs_unless_testbed_toml_says_otherwise(files: Files) -> None:
    assert files.resolve().supervisor.enabled
    assert not files.resolve("supervisor.enabled=false").supervisor.enabled
    files.more("[supervisor]\nenabled = false\n")
    assert not files.resolve(name="fast").supervisor.enabled


def test_the_resolved_configuration_is_one_json_object(files: Files) -> None:
    resolved = files.resolve().resolved()
    assert resolved["testbed"] == {"namespace": "torre1"}
    assert resolved["workflow"]["name"] == "data_taking"
    assert set(resolved) == {
        "testbed",
        "workflow",
        "agents",
        "supervisor",
        "expect",
        "origins",
        "daq_state_machine",
        "fast",
    }


def test_parameters_counts_most_within_a_file(files: Files) -> None:
    files.more("[parameters]\nstf_count = 5\n[fast]\nstf_count = 6\n")
    assert files.resolve().parameters.model_dump()["stf_count"] == 5
