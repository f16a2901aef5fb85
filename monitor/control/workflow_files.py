"""The workflows that can be started: configurations, and the parameters that their models have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swf_common.configuration import documents, resolve_workflow
from swf_common.configuration.parameters import Parameter


@dataclass(frozen=True)
class WorkflowFile:
    """A configuration that a workflow can be started with.

    :param config: the stem of its file
    :param about: the comment that the file begins with
    :param agents: keys of the agents that it enables
    :param parameters: those that a form can show, each with its value in this configuration
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
    named = (
        (path, documents.read(path).tables.get("workflow", {}).get("name"))
        for path in sorted(folder.glob("*.toml"))
    )
    return [_workflow_file(folder, path, name) for path, name in named if name is not None]


def parameter_schemas(folder: Path) -> dict[str, dict[str, Any]]:
    """The JSON schema of each parameter that a configuration in a folder has, by its name."""
    return {one.name: one.schema() for file in workflow_files(folder) for one in file.parameters}


def _workflow_file(folder: Path, path: Path, name: str) -> WorkflowFile:
    configuration = resolve_workflow(folder, name, path.stem, {}, "any")
    values = configuration.parameters.model_dump()
    return WorkflowFile(
        path.stem,
        name,
        _heading(path),
        tuple(configuration.enabled_agents),
        tuple(
            replace(one, default=values[key])
            for key, one in configuration.parameters.describe().items()
            if one.kind != "list"
        ),
    )


def _heading(path: Path) -> str:
    """The comment that the file begins with."""
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)
