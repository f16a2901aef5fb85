"""Modules of workflows: found by their file, with neighbours and sections of their own."""

from __future__ import annotations

import pytest

from swf_common.configuration.groups import EPIC_LIKE, StfContent
from swf_common.configuration.model import flat_parameters
from swf_common.errors import ConfigurationError
from tests.unit.testbed.testbed_files import Files

STEPS = "\n\ndef workflow(env, daq):\n    yield env.timeout(1)\n"


def write(files: Files, code: str, name: str = "mine") -> None:
    files.workflow(f"{name}.py", code + STEPS)
    files.workflow(f"{name}_default.toml", f'[workflow]\nname = "{name}"\n')


def test_a_workflow_may_build_on_its_neighbour(files: Files) -> None:
    base = "from workflows.api import *\n\nclass Parameters(DaqStateMachine):\n    one: float = "
    files.workflow("my_base.py", base + 'parameter(1.0, "a number")' + STEPS)
    write(
        files,
        "from workflows import my_base\nfrom workflows.api import parameter\n\n"
        'class Parameters(my_base.Parameters):\n    two: float = parameter(2.0, "another")',
    )
    values = files.resolve("one=5", name="mine").parameters.model_dump()
    assert (values["one"], values["two"]) == (5.0, 2.0)


def test_parameters_without_a_section_stand_under_the_workflows_name(files: Files) -> None:
    write(
        files,
        "from workflows import api\n\nclass Parameters(api.Parameters):\n"
        '    wait_s: float = api.parameter(1.0, "a wait")',
    )
    resolved = files.resolve("wait_s=7", name="mine").resolved()
    assert resolved["mine"] == {"wait_s": 7.0}
    assert flat_parameters(resolved)["wait_s"] == 7.0


@pytest.mark.parametrize("section", ["drain", "expect", "origins", "workflow"])
def test_a_section_with_a_meaning_of_its_own_is_refused(files: Files, section: str) -> None:
    write(
        files,
        "from workflows import api\n\nclass Parameters(api.Parameters):\n"
        f'    section = "{section}"\n    wait_s: float = api.parameter(1.0, "a wait")',
    )
    with pytest.raises(ConfigurationError, match=f'section = "{section}" has a meaning'):
        files.resolve(name="mine")


def test_a_list_that_is_the_workflows_own_default_is_recorded(files: Files) -> None:
    write(
        files,
        "from swf_common.configuration.groups import EPIC_LIKE, Detector\n"
        "from workflows.api import StfContent\n\nclass Parameters(StfContent):\n"
        '    section = "mine"\n'
        '    detectors: tuple[Detector, ...] = StfContent.default("detectors", EPIC_LIKE[:1])',
    )
    flat = flat_parameters(files.resolve(name="mine").resolved())
    assert StfContent.of(flat).detectors == EPIC_LIKE[:1]
    assert "detectors" not in flat_parameters(files.resolve().resolved())


def test_a_name_that_is_no_text_is_refused(files: Files) -> None:
    files.workflow("fast.toml", "[workflow]\nname = 5\n")
    with pytest.raises(ConfigurationError, match=r"workflows/fast.toml: \[workflow\] name = 5"):
        files.resolve()


def test_a_broken_module_is_refused_with_its_line(files: Files) -> None:
    files.workflow("mine.py", "def workflow(env, daq:\n")
    files.workflow("mine_default.toml", '[workflow]\nname = "mine"\n')
    with pytest.raises(ConfigurationError, match=r"workflows/mine.py: cannot be loaded, line 1"):
        files.resolve(name="mine")


def test_a_default_beyond_its_own_bounds_is_refused(files: Files) -> None:
    write(
        files,
        "from workflows import api\n\nclass Parameters(api.Parameters):\n"
        '    wait_s: float = api.parameter(20.0, "a wait", le=10)',
    )
    with pytest.raises(ConfigurationError, match=r"mine.py: the default of wait_s, 20.0, is not"):
        files.resolve(name="mine")
