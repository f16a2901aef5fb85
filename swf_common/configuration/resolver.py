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
)
from swf_common.configuration.modules import find_workflow, workflow_names
from swf_common.configuration.overrides import SET, parse_overrides
from swf_common.configuration.sections import SYSTEM_HOMES, read_section
from swf_common.configuration.suggestions import as_toml, nearest
from swf_common.configuration.values import (
    ANYWHERE,
    Given,
    Values,
    given_in,
    is_parameter_section,
)
from swf_common.errors import ConfigurationError

NAMESPACE_OPTION = "--namespace"
OLD_SECTIONS = ("simulation", "stf_processing")
"""Sections of the predecessor's files, accepted for any parameter as workflows' names are."""


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
        if not is_parameter_section(path[0]):
            table = {path[-1]: value}  # it may be a table itself
            layers.lay(table, SET, at=path[:-1])
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
    find_workflow(workflows, workflow.name, layers.origins.get(("workflow", "name"), main.name))
    agents = _agents(layers, main.name, homes)
    supervisor = read_section(SupervisorSection, layers, "supervisor", place=main.name, homes=homes)
    defaults = _workflow_file(workflow, workflows, layers.origins, main.name)
    values = _default_values(workflow, workflows, defaults, main.name)
    if name is None:
        values.lay(given_in(main.tables), main.name)
    values.lay([one for one in given if is_parameter_section(one[0][0])], SET)
    parameters = values.check()
    follow_parameters(layers, parameters, values.sections, duration=workflow.duration)
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
        parameters=parameters,
        expect=expect,
        origins={**layers.origins, **values.origins},
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
) -> Configuration:
    """The configuration for a `run_workflow` command that came without one: the agents and the
    expectations are those of the workflow's configuration.

    :param duration: simulated seconds, as `[workflow] duration`
    :raises ConfigurationError: an unknown workflow, configuration or parameter
    """
    command = "run_workflow"
    find_workflow(workflows, name, command)
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
    values = _default_values(workflow, workflows, found, command)
    given: list[Given] = []
    for key, value in params.items():
        if key == "namespace":
            continue
        if isinstance(value, dict):
            given += [((key, inner), inner_value) for inner, inner_value in value.items()]
        else:
            given.append(((ANYWHERE, key), value))
    values.lay(given, command)
    parameters = values.check()
    follow_parameters(layers, parameters, values.sections, duration=duration)
    return Configuration(
        testbed=TestbedSection(namespace=namespace),
        workflow=workflow,
        agents=_agents(layers, chosen.name),
        parameters=parameters,
        expect=read_section(ExpectSection, layers, "expect", place=chosen.name),
        origins={**layers.origins, **values.origins},
    )


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
    return documents.workflow_name(documents.read(path)) is not None


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
                layers.put(("agents", key, "enabled"), False, f"not enabled in {chosen.name}")
        layers.lay({"agents": agents}, chosen.name)


def _default_values(
    workflow: WorkflowSection, workflows: Path, files: Sequence[Document], place: str
) -> Values:
    """The parameters as the workflow's configuration has them.

    They are those of the workflow that the configuration names: it may be run by another one
    whose parameters are among them.
    """
    named = documents.workflow_name(files[-1]) or workflow.name
    model = find_workflow(workflows, named, files[-1].name).parameters
    running = find_workflow(workflows, workflow.name, place).parameters
    missing = sorted(set(running.model_fields) - set(model.model_fields))
    if missing:
        raise ConfigurationError(
            place=place,
            problem=f'[workflow] config = "{files[-1].name}" is for the workflow "{named}", '
            f'which has no parameter "{missing[0]}"; "{workflow.name}" needs it',
        )
    values = Values(model, [*OLD_SECTIONS, *workflow_names(workflows)])
    for document in files:
        values.lay_default(document)
    return values


def _parameter_homes(layers: Layers, workflows: Path) -> dict[str, str]:
    """The section of each parameter; empty where the workflow is not known."""
    asked = layers.section("workflow")
    try:
        workflow = WorkflowSection(name=asked["name"], config=asked.get("config"))
        found = _workflow_file(workflow, workflows, {}, "")
        return _default_values(workflow, workflows, found, "").homes
    except (ConfigurationError, ValueError, KeyError):
        return {}


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
