"""A wrong parameter gets the same sentence from the command, REST, MCP and the form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from monitor.control.workflow_files import parameter_schemas, workflow_files
from monitor.pages.views.start import StartForm
from swf_common.configuration import resolve, resolve_workflow
from swf_common.errors import ConfigurationError
from testbed.project import ROOT

WORKFLOWS = ROOT / "workflows"


def of_the_command(key: str, value: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        resolve(
            ROOT / "testbed.toml", WORKFLOWS, name="fast_processing", overrides=[f"{key}={value}"]
        )
    return str(caught.value).removeprefix("--set: ")


def of_the_runner(key: str, value: Any) -> str:
    """What REST and MCP pass on: both leave the check to the runner."""
    with pytest.raises(ConfigurationError) as caught:
        resolve_workflow(
            WORKFLOWS, "fast_processing", "fast_processing_default", {key: value}, "torre1"
        )
    return str(caught.value).removeprefix("run_workflow: ")


def of_the_form(key: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(settings, "TESTBED_NAMESPACE", "torre1")
    chosen = next(
        one for one in workflow_files(WORKFLOWS) if one.config == "fast_processing_default"
    )
    data = {one.path: one.default for one in chosen.parameters if one.default is not False}
    (path,) = (one.path for one in chosen.parameters if one.name == key)
    form = StartForm(chosen, (), {"realtime": "on", "duration": 0, **data, path: str(value)})
    (errors,) = form.errors.values()
    return str(errors[0])


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("stf_interval", -1, "[daq_state_machine] stf_interval = -1 is not valid"),
        ("tf_size_fraction", 1.5, "must be 0 to 1"),
        ("num_tf_per_slice", 0, "[fast_processing] num_tf_per_slice = 0"),
        ("stf_count", 2.5, "must be a whole number"),
        ("tf_count", 200_000, "must be 0 to 100000"),
        ("mean_hits_per_tf", 5000, "makes 5000000 hits in an STF; at most 2000000 fit"),
    ],
)
def test_everybody_gets_the_same_sentence(
    key: str, value: Any, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = of_the_command(key, value)
    assert sentence in command
    assert of_the_runner(key, value) == of_the_form(key, value, monkeypatch) == command


def test_the_schema_of_mcp_has_the_bounds_of_the_model() -> None:
    schema = parameter_schemas(WORKFLOWS)["tf_size_fraction"]
    assert (schema["minimum"], schema["maximum"], schema["type"]) == (0, 1, "number")


def test_a_broken_workflow_does_not_keep_the_schema_from_being_made(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import a_package_of_tomorrow\n")
    (tmp_path / "mine_default.toml").write_text('[workflow]\nname = "mine"\n')
    assert parameter_schemas(tmp_path)["stf_count"]["type"] == "integer"
