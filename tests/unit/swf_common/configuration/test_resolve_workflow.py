"""The configuration of a `run_workflow` command that came without a resolved one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swf_common.configuration import resolve, resolve_workflow
from swf_common.errors import ConfigurationError
from tests.unit.simulation import WORKFLOWS
from tests.unit.testbed.testbed_files import Files


def resolved(files: Files, config: str | None = "fast", **params: Any) -> dict[str, Any]:
    return resolve_workflow(files.workflows, "data_taking", config, params, "torre1").resolved()


def test_a_command_without_a_configuration_gets_the_workflows_default(files: Files) -> None:
    assert resolved(files, None)["daq_state_machine"]["stf_interval"] == 2.0


def test_a_parameter_is_set_wherever_it_lives(files: Files) -> None:
    content = resolved(files, stf_count=3)
    assert content["fast"]["stf_count"] == 3


def test_a_parameter_may_be_given_in_its_section(files: Files) -> None:
    content = resolved(files, fast={"stf_count": 3})
    assert content["fast"]["stf_count"] == 3


def test_a_namespace_among_the_parameters_does_not_change_the_namespace(files: Files) -> None:
    assert resolved(files, namespace="torre2")["testbed"] == {"namespace": "torre1"}


@pytest.mark.parametrize(
    ("config", "params", "parts"),
    [
        ("fats", {}, ('"fats"', 'did you mean "fast"?')),
        ("fast", {"stf_cuont": 3}, ('"stf_cuont"', 'did you mean "stf_count"?')),
        ("fast", {"fats": {"stf_count": 3}}, ("[fats]", 'did you mean "fast"?')),
        ("fast", {"stf_count": "many"}, ('stf_count = "many"', "must be a whole number")),
        ("fast", {"stf_count": None}, ("stf_count = null", "must be a whole number")),
    ],
)
def test_a_wrong_command_is_refused_in_the_name_of_the_command(
    files: Files, config: str, params: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolved(files, config, **params)
    assert [part for part in ("run_workflow", *parts) if part not in str(caught.value)] == []


def test_an_unknown_workflow_is_refused_with_the_nearest_one(files: Files) -> None:
    with pytest.raises(ConfigurationError, match='did you mean "data_taking"'):
        resolve_workflow(files.workflows, "data_takin", None, {}, "torre1")


def test_both_ways_of_resolving_give_the_same_parameters(files: Files) -> None:
    full = files.resolve("fast.stf_count=3").resolved()
    assert resolved(files, fast={"stf_count": 3})["fast"] == full["fast"]


@pytest.mark.parametrize("config", sorted(file.stem for file in WORKFLOWS.glob("*_default.toml")))
def test_every_configuration_in_the_repository_resolves(config: str, tmp_path: Path) -> None:
    file = tmp_path / "testbed.toml"
    file.write_text('[testbed]\nnamespace = "torre1"\n')
    configuration = resolve(file, WORKFLOWS, name=config)
    assert configuration.parameters.sections()["daq_state_machine"]["no_beam_not_ready_delay"] == 5
    assert configuration.notes == []


def test_agents_and_expectations_are_those_of_the_workflows_file(files: Files) -> None:
    content = resolved(files)
    assert content["agents"]["data"]["enabled"] is True
    assert content["expect"] == {"stf_processed": 10}


def test_each_value_tells_where_it_comes_from(files: Files) -> None:
    origins = resolved(files, fast={"stf_count": 3})["origins"]
    assert origins["fast.stf_count"] == "run_workflow"
    assert "fast.detector" not in origins  # the model's default
    assert origins["daq_state_machine.stf_interval"].endswith("daq.toml")
    assert origins["agents.data.enabled"].endswith("fast.toml")
    full = files.resolve("fast.stf_count=3").resolved()["origins"]
    assert full["fast.stf_count"] == "--set"
    assert full["testbed.namespace"].endswith("testbed.toml")
