"""`testbed run NAME`: which file NAME means, and what is taken from it."""

from __future__ import annotations

import pytest

from swf_common.errors import ConfigurationError
from tests.unit.testbed.testbed_files import Files


@pytest.mark.parametrize("name", ["fast", "fast.toml"])
def test_a_name_is_a_file_with_or_without_its_suffix(files: Files, name: str) -> None:
    configuration = files.resolve(name=name)
    assert configuration.workflow.config == "fast"
    assert configuration.parameters.sections()["fast"]["stf_count"] == 10


def test_a_name_may_leave_out_default(files: Files) -> None:
    assert files.resolve(name="data_taking").workflow.config == "data_taking_default"


def test_the_exact_file_wins_over_the_default_one(files: Files) -> None:
    files.workflow("fast_default.toml", '[workflow]\nname = "data_taking"\n')
    assert files.resolve(name="fast").workflow.config == "fast"


def test_an_unknown_name_is_refused_with_the_nearest_one(files: Files) -> None:
    with pytest.raises(ConfigurationError) as caught:
        files.resolve(name="fats")
    assert "workflows" in str(caught.value)
    assert '"fats"' in str(caught.value)
    assert 'did you mean "fast"?' in str(caught.value)


def test_a_named_configuration_brings_its_agents_and_expectations(files: Files) -> None:
    files.more(
        "[agents.data]\nreplicas = 2\n[agents.processing]\nenabled = true\n"
        "[expect]\nstf_processed = 5\n"
    )
    configuration = files.resolve(name="fast")
    assert list(configuration.enabled_agents) == ["data"]
    assert configuration.expect.stf_processed == 10


def test_what_testbed_toml_says_of_an_agent_beside_enabled_stays(files: Files) -> None:
    files.more("[agents.data]\nreplicas = 2\nready_timeout = 7\n")
    data = files.resolve(name="fast").agents["data"]
    assert (data.enabled, data.replicas, data.ready_timeout) == (True, 2, 7)


def test_a_named_configuration_without_agents_leaves_them_as_testbed_toml_has_them(
    files: Files,
) -> None:
    files.more("[agents.processing]\nenabled = true\n")
    configuration = files.resolve(name="data_taking")
    assert list(configuration.enabled_agents) == ["processing"]


def test_overrides_of_testbed_toml_belong_to_its_own_workflow(files: Files) -> None:
    files.more("[fast]\nstf_count = 5\n")
    assert files.resolve(name="fast").parameters.sections()["fast"]["stf_count"] == 10
    assert (
        files.resolve("fast.stf_count=6", name="fast").parameters.sections()["fast"]["stf_count"]
        == 6
    )


def test_the_namespace_is_always_that_of_testbed_toml(files: Files) -> None:
    files.workflow(
        "fast.toml", '[testbed]\nnamespace = "torre2"\n[workflow]\nname = "data_taking"\n'
    )
    assert files.resolve(name="fast").namespace == "torre1"
