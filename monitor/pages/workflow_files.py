"""The workflows that can be started, from their files: configurations, parameters, and what the
files say of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swf_common.configuration import documents, resolve_workflow
from swf_common.configuration.model import NOT_PARAMETERS

SETTING = re.compile(r"^(?P<key>[A-Za-z0-9_-]+)\s*=[^#]*(?:#\s*(?P<about>.*))?$")
SECTION = re.compile(r"^\[(?P<name>[^\[\]]+)\]\s*(?:#.*)?$")
Scalar = bool | int | float | str


@dataclass(frozen=True)
class Parameter:
    """A parameter of a workflow with its default.

    :param about: what its file says of it
    """

    section: str
    key: str
    default: Scalar
    about: str

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"


@dataclass(frozen=True)
class WorkflowFile:
    """A configuration that a workflow can be started with.

    :param config: the stem of its file
    :param agents: keys of the agents that it enables
    """

    config: str
    workflow: str
    about: str
    agents: tuple[str, ...]
    parameters: tuple[Parameter, ...]


def workflow_files(folder: Path) -> list[WorkflowFile]:
    """Every configuration in a folder that names a workflow.

    :raises ConfigurationError: one cannot be read
    """
    found = []
    for path in sorted(folder.glob("*.toml")):
        tables = documents.read(path).tables
        name = tables.get("workflow", {}).get("name")
        if name is not None:
            found.append(_workflow_file(folder, path, name, tables))
    return found


def _workflow_file(folder: Path, path: Path, name: str, tables: dict[str, Any]) -> WorkflowFile:
    resolved = resolve_workflow(folder, name, path.stem, {}, "any")
    said = _said(folder, path)
    about = {key: text for (_, key), text in said.items()}
    parameters = {}
    # later sections lie over earlier ones: a key that stands in several counts in the last alone
    for section, table in reversed(resolved.items()):
        if section not in NOT_PARAMETERS and isinstance(table, dict):
            for key, value in table.items():
                if key not in parameters and isinstance(value, bool | int | float | str):
                    text = said.get((section, key)) or about.get(key, "")
                    parameters[key] = Parameter(section, key, value, text)
    agents = tuple(
        key for key, agent in tables.get("agents", {}).items() if agent.get("enabled", False)
    )
    return WorkflowFile(path.stem, name, _heading(path), agents, tuple(parameters.values()))


def _heading(path: Path) -> str:
    """The comment that the file begins with."""
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)


def _said(folder: Path, path: Path) -> dict[tuple[str, str], str]:
    """What a file, and those that it includes, say behind each setting."""
    said: dict[tuple[str, str], str] = {}
    includes = documents.read(path).tables.get("workflow", {}).get("includes", [])
    for source in [*(folder / name for name in includes), path]:
        section = ""
        for line in source.read_text().splitlines():
            if heading := SECTION.match(line):
                section = heading["name"]
            elif (setting := SETTING.match(line)) and setting["about"]:
                said[section, setting["key"]] = setting["about"]
    return said
