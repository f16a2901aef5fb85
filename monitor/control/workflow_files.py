"""The workflows that can be started: configurations, and the parameters that their models have."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swf_common.configuration import documents, resolve_workflow
from swf_common.configuration.groups import DaqStateMachine
from swf_common.configuration.parameters import Parameter
from swf_common.errors import ConfigurationError

log = logging.getLogger(__name__)


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
    return [
        _workflow_file(folder, path, name)
        for path in sorted(folder.glob("*.toml"))
        if (name := documents.workflow_name(documents.read(path))) is not None
    ]


def parameter_schemas(folder: Path) -> dict[str, dict[str, Any]]:
    """The JSON schema of each parameter that a configuration in a folder has, by its name; one
    that cannot be read is left out.
    """
    try:
        files = workflow_files(folder)
    except ConfigurationError as error:
        log.warning("the schema of start_workflow lacks parameters: %s", error)
        return {one.name: one.schema() for one in DaqStateMachine.describe().values()}
    return {one.name: one.schema() for file in files for one in file.parameters}


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
