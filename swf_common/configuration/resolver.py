"""The one resolver: from files and `--set` to a `Configuration`.

Where the parts of a configuration come from (decision 0003):
- `testbed.toml` names the workflow and its configuration file, the agents and expectations;
- `testbed run NAME` takes NAME's file for all of these, and from testbed.toml the namespace and
  what it says of agents beside `enabled`;
- parameters: included files < the workflow's file < testbed.toml < `--set`, key by key.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from swf_common.configuration import documents
from swf_common.configuration.documents import Document, Table, shown
from swf_common.configuration.following import follow_parameters
from swf_common.configuration.layers import Layers
from swf_common.configuration.model import (
    SYSTEM_SECTIONS,
    AgentSection,
    Configuration,
    ExpectSection,
    SupervisorSection,
    TestbedSection,
    WorkflowSection,
    section_used,
)
from swf_common.configuration.overrides import SET, parse_overrides
from swf_common.configuration.parameters import (
    is_parameter_section,
    override_parameters,
    workflow_parameters,
)
from swf_common.configuration.sections import SYSTEM_HOMES, read_section
from swf_common.configuration.suggestions import as_toml, nearest
from swf_common.errors import ConfigurationError

NAMESPACE_OPTION = "--namespace"


def resolve(
    config_file: Path,
    workflows: Path,
    *,
    name: str | None = None,
    overrides: Sequence[str] = (),
    namespace: str | None = None,
    duration: float | None = None,
    realtime: bool | None = None,
) -> Configuration:
    """The configuration of a testbed.

    :param config_file: the testbed.toml
    :param workflows: the folder of workflows and their configuration files
    :param name: the workflow configuration that `testbed run NAME` asks for
    :param overrides: texts `section.key=value`, or `key=value` for a parameter wherever it lives
    :raises ConfigurationError: naming the file, the key, the value and the nearest valid name
    """
    main = documents.read(config_file)
    layers = Layers()
    _lay_system(layers, main, name, workflows)
    given = parse_overrides(overrides)
    for path, value in given:
        if not _is_parameter(path[0]):
            layers.put(path, value, SET)
    for option, path, given_value in (
        (NAMESPACE_OPTION, ("testbed", "namespace"), namespace),
        ("--duration", ("workflow", "duration"), duration),
        ("--realtime", ("workflow", "realtime"), realtime),
    ):
        if given_value is not None:
            layers.put(path, given_value, option)

    _check_sections(main)
    if "testbed" not in main.tables and not layers.section("testbed"):
        raise ConfigurationError(
            place=main.name,
            problem="the section [testbed] with its namespace is missing",
            hint='Add to the file:  [testbed]  and below it  namespace = "<your name>"',
        )

    def homes() -> dict[str, str]:
        return {**_parameter_homes(layers, workflows), **SYSTEM_HOMES}

    testbed = read_section(TestbedSection, layers, "testbed", place=main.name, homes=homes)
    workflow = read_section(WorkflowSection, layers, "workflow", place=main.name, homes=homes)
    _demand_workflow(workflow.name, workflows, layers.origins.get(("workflow", "name"), main.name))
    agents = _agents(layers, main.name, homes)
    supervisor = read_section(SupervisorSection, layers, "supervisor", place=main.name, homes=homes)
    defaults = _workflow_file(workflow, workflows, layers.origins, main.name)
    parameters = workflow_parameters(defaults)
    if name is None:
        override_parameters(parameters, _parameters_of(main), main.name)
    override_parameters(
        parameters,
        [(path, value) for path, value in given if _is_parameter(path[0])],
        SET,
    )
    follow_parameters(layers, parameters, duration=workflow.duration)
    expect = read_section(ExpectSection, layers, "expect", place=main.name, homes=homes)

    notes = [
        f'{layers.origins[("agents", key, "script")]}: [agents.{key}] "script" is no longer used; '
        f'write  program = "<Compose service>"  instead'
        for key, agent in agents.items()
        if agent.script is not None
    ]
    return Configuration(
        testbed=testbed,
        workflow=workflow,
        agents=agents,
        parameters=parameters.values,
        expect=expect,
        origins={**layers.origins, **parameters.origins},
        supervisor=supervisor,
        notes=notes,
    )


def resolve_workflow(
    workflows: Path,
    name: str,
    config: str | None,
    params: Table,
    namespace: str,
    *,
    duration: float = 0,
) -> dict[str, Any]:
    """The `resolved` configuration for a `run_workflow` command that came without one: the agents
    and the expectations are those of the workflow's configuration.

    :param duration: simulated seconds, as `[workflow] duration`
    :raises ConfigurationError: an unknown workflow, configuration or parameter
    """
    command = "run_workflow"
    _demand_workflow(name, workflows, command)
    workflow = WorkflowSection(name=name, config=config)
    origins: dict[tuple[str, ...], str] = {
        ("workflow", "config"): command,
        ("workflow", "name"): command,
    }
    found = _workflow_file(workflow, workflows, origins, command)
    chosen = found[-1]
    layers = Layers()
    for section in ("agents", "expect"):
        layers.lay({section: chosen.tables.get(section, {})}, chosen.name)
    layers.origins.update(origins)
    parameters = workflow_parameters(found)
    given: list[tuple[tuple[str, ...], Any]] = []
    for key, value in params.items():
        if key == "namespace":
            continue
        if isinstance(value, dict):
            given += [((key, inner), inner_value) for inner, inner_value in value.items()]
        else:
            given.append((("parameters", key), value))
    override_parameters(parameters, given, command)
    follow_parameters(layers, parameters, duration=duration)
    return Configuration(
        testbed=TestbedSection(namespace=namespace),
        workflow=workflow,
        agents=_agents(layers, chosen.name),
        parameters=parameters.values,
        expect=read_section(ExpectSection, layers, "expect", place=chosen.name),
        origins={**layers.origins, **parameters.origins},
    ).resolved()


def find_workflow_file(name: str, workflows: Path) -> Path:
    """The configuration that NAME means: `NAME`, `NAME.toml` or `NAME_default.toml`."""
    for candidate in (name, f"{name}.toml", f"{name}_default.toml"):
        path = workflows / candidate
        if candidate.endswith(".toml") and path.is_file() and _names_a_workflow(path):
            return path
    known = [file.stem for file in workflows.glob("*.toml") if _names_a_workflow(file)]
    raise ConfigurationError(
        place=shown(workflows),
        problem=f'no workflow configuration is called "{name}"; {nearest(name, known)}',
    )


def _names_a_workflow(path: Path) -> bool:
    """Whether a configuration can be run: the others are there to be included."""
    return "name" in documents.read(path).tables.get("workflow", {})


def _check_sections(main: Document) -> None:
    """Refuse what looks like a mistyped system section, and includes at the wrong place."""
    absent = [section for section in SYSTEM_SECTIONS if section not in main.tables]
    for section in main.tables:
        meant = difflib.get_close_matches(section, absent, n=1, cutoff=0.8)
        if section not in SYSTEM_SECTIONS and meant:
            raise ConfigurationError(
                place=main.name,
                problem=f'nothing knows the section [{section}]; did you mean "{meant[0]}"?',
            )
    if "includes" in main.tables.get("workflow", {}):
        raise ConfigurationError(
            place=main.name,
            problem="[workflow] includes: only a workflow's configuration in workflows/ includes",
            hint='Name that configuration:  config = "<name>"',
        )


def _lay_system(layers: Layers, main: Document, name: str | None, workflows: Path) -> None:
    system = {
        section: table for section, table in main.tables.items() if section in SYSTEM_SECTIONS
    }
    system.pop("parameters", None)
    if name is None:
        layers.lay(system, main.name)
        return
    layers.lay({"testbed": system.get("testbed", {})}, main.name)
    layers.lay({"agents": system.get("agents", {})}, main.name)
    layers.lay({"supervisor": system.get("supervisor", {})}, main.name)
    path = find_workflow_file(name, workflows)
    chosen = documents.read(path)
    workflow = dict(chosen.tables.get("workflow", {}))
    workflow.pop("includes", None)
    workflow["config"] = path.stem
    layers.lay({"workflow": workflow}, chosen.name)
    layers.lay({"expect": chosen.tables.get("expect", {})}, chosen.name)
    agents = chosen.tables.get("agents")
    if isinstance(agents, dict):
        for key, agent in layers.section("agents").items():
            if isinstance(agent, dict):
                layers.put(("agents", key, "enabled"), False, chosen.name)
        layers.lay({"agents": agents}, chosen.name)


def _is_parameter(section: str) -> bool:
    return is_parameter_section(section) or section == "parameters"


def _parameters_of(document: Document) -> list[tuple[tuple[str, ...], Any]]:
    """The parameters that a testbed.toml sets, each with its path."""
    return [
        ((section, key), value)
        for section, table in document.tables.items()
        if _is_parameter(section)
        for key, value in table.items()
    ]


def _parameter_homes(layers: Layers, workflows: Path) -> dict[str, str]:
    """The section from which the workflow takes each parameter; none where that is not known."""
    asked = layers.section("workflow")
    try:
        workflow = WorkflowSection(name=asked["name"], config=asked.get("config"))
        found = _workflow_file(workflow, workflows, {}, "")
        sections = workflow_parameters(found).values
    except (ConfigurationError, ValueError, KeyError):
        return {}
    keys = {key for values in sections.values() for key in values}
    return {key: section_used(sections, key) or "" for key in keys}


def _agents(
    layers: Layers, place: str, homes: Callable[[], Mapping[str, str]] = lambda: SYSTEM_HOMES
) -> dict[str, AgentSection]:
    agents = {}
    for key, table in layers.section("agents").items():
        if not isinstance(table, dict):
            raise ConfigurationError(
                place=layers.origins.get(("agents", key), place),
                problem=f"[agents] {key} = {as_toml(table)} is not a section; write [agents.{key}]",
            )
        agents[key] = read_section(AgentSection, layers, "agents", key, place=place, homes=homes)
    return agents


def _demand_workflow(name: str, workflows: Path, place: str) -> None:
    known = [file.stem for file in workflows.glob("*.py") if not file.stem.startswith("_")]
    if name not in known:
        raise ConfigurationError(
            place=place,
            problem=f'[workflow] name = "{name}": there is no workflow of that name; '
            + nearest(name, known),
        )


def _workflow_file(
    workflow: WorkflowSection,
    workflows: Path,
    origins: dict[tuple[str, ...], str],
    place: str,
) -> list[Document]:
    name = (workflow.config or f"{workflow.name}_default").removesuffix(".toml")
    path = workflows / f"{name}.toml"
    if not path.is_file():
        known = [file.stem for file in workflows.glob("*.toml")]
        origin = origins.get(("workflow", "config"), place)
        raise ConfigurationError(
            place=origin,
            problem=f'[workflow] config = "{name}": there is no such workflow configuration; '
            + nearest(name, known),
        )
    found = list({document.name: document for document in documents.with_includes(path)}.values())
    for document in found:
        for key in document.tables.get("workflow", {}):
            if key not in WorkflowSection.model_fields:
                raise ConfigurationError(
                    place=document.name,
                    problem=f'[workflow] has no key "{key}"; '
                    + nearest(key, WorkflowSection.model_fields),
                )
    return found
