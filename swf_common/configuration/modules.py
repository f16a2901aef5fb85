"""The modules of workflows: each declares its `Parameters` and its steps, `workflow(env, daq)`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from swf_common.configuration.model import NOT_PARAMETERS
from swf_common.configuration.parameters import Parameters
from swf_common.configuration.suggestions import nearest
from swf_common.errors import ConfigurationError

NOT_WORKFLOWS = frozenset({"api"})


@dataclass(frozen=True)
class WorkflowModule:
    """What a workflow's module declares.

    :param steps: the generator function `workflow(env, daq)`
    """

    name: str
    parameters: type[Parameters]
    steps: Callable[..., Any]
    source: str


def workflow_names(folder: Path) -> list[str]:
    """The workflows in a folder."""
    stems = sorted(file.stem for file in folder.glob("*.py"))
    return [one for one in stems if not one.startswith("_") and one not in NOT_WORKFLOWS]


def find_workflow(folder: Path, name: str, place: str) -> WorkflowModule:
    """A workflow by name.

    :param place: what asks for it, for messages
    :raises ConfigurationError: there is none of that name, or its module cannot be used
    """
    known = workflow_names(folder)
    if name not in known:
        raise ConfigurationError(
            place=place,
            problem=f'[workflow] name = "{name}": there is no workflow of that name; '
            + nearest(name, known),
        )
    path = (folder / f"{name}.py").resolve()
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int) -> WorkflowModule:
    place = f"workflows/{path.name}"
    try:
        module = _load(path)
    except Exception as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ConfigurationError(
            place=place, problem=f"cannot be loaded{line}: {type(error).__name__}: {error}"
        ) from error
    parameters = getattr(module, "Parameters", None)
    if not (isinstance(parameters, type) and issubclass(parameters, Parameters)):
        raise ConfigurationError(
            place=place,
            problem="declares no Parameters of the workflow",
            hint="Write there:  class Parameters(DaqStateMachine, StfContent, Retention): ...  "
            "(docs/writing-a-workflow.md)",
        )
    if parameters.section == Parameters.section:
        parameters.section = path.stem
    reserved = {one.section for one in parameters.describe().values()} & set(NOT_PARAMETERS)
    if reserved:
        raise ConfigurationError(
            place=place,
            problem=f'section = "{reserved.pop()}" has a meaning of its own; choose another name '
            "for the section of the parameters",
        )
    for one in parameters.describe().values():
        complaint = parameters.complaint(one.name, one.default)
        if complaint:
            raise ConfigurationError(
                place=place,
                problem=f"the default of {one.name}, {one.default_text}, is not valid: {complaint}",
            )
    steps = getattr(module, "workflow", None)
    if not callable(steps):
        raise ConfigurationError(place=place, problem="has no function workflow(env, daq)")
    return WorkflowModule(path.stem, parameters, steps, path.read_text())


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"workflow_{path.stem}_{hash(path)}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks up annotations there
    with _found_first(path.parent):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _found_first(folder: Path) -> Iterator[None]:
    """Within, a module finds its neighbours in its own folder, whatever package of that name is
    installed.
    """
    try:
        package: Any = importlib.import_module(folder.name)
    except ImportError:
        package = ModuleType("none")
    before = list(getattr(package, "__path__", []))
    package.__path__ = [str(folder), *before]
    try:
        yield
    finally:
        package.__path__ = before
