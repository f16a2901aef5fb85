"""The one resolver: from files and `--set` to a `Configuration`.

Where the parts of a configuration come from (decision 0003):
- `testbed.toml` names the workflow and its configuration file, the agents and expectations;
- `testbed run NAME` takes NAME's file for all of these, and from testbed.toml the namespace and
  what it says of agents beside `enabled`;
- parameters: included files < the workflow's file < testbed.toml < `--set`, key by key.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomli
from pydantic import BaseModel, ValidationError

from testbed.configuration import documents
from testbed.configuration.documents import Document, Table, shown
from testbed.configuration.layers import Layers
from testbed.configuration.model import (
    SYSTEM_SECTIONS,
    AgentSection,
    Configuration,
    ExpectSection,
    SupervisorSection,
    TestbedSection,
    WorkflowSection,
)
from testbed.configuration.parameters import check_parameter, is_parameter_section
from testbed.configuration.suggestions import as_toml, nearest
from testbed.errors import ConfigurationError

SET = "--set"
EXPECTED = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a text in quotes",
    "list_type": "must be a list",
}
"""pydantic's types of errors in the words of TOML."""
NAMESPACE_OPTION = "--namespace"
SectionModel = TypeVar("SectionModel", bound=BaseModel)


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
    given = _parse_overrides(overrides)
    for path, value in given:
        if path[0] in SYSTEM_SECTIONS and path[0] != "parameters":
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
    testbed = _section(TestbedSection, layers, "testbed", place=main.name)
    workflow = _section(WorkflowSection, layers, "workflow", place=main.name)
    _demand_workflow(workflow.name, workflows, layers.origins.get(("workflow", "name"), main.name))
    agents = _agents(layers, main.name)
    supervisor = _section(SupervisorSection, layers, "supervisor", place=main.name)
    expect = _section(ExpectSection, layers, "expect", place=main.name)

    defaults = _workflow_file(workflow, workflows, layers.origins, main.name)
    parameters = _workflow_parameters(defaults)
    if name is None:
        _override_parameters(parameters, main.tables.items(), main.name)
    for path, value in given:
        if path[0] == "parameters" or path[0] not in SYSTEM_SECTIONS:
            _set_parameter(parameters, path, value, SET)

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
    workflows: Path, name: str, config: str | None, params: Table, namespace: str
) -> dict[str, Any]:
    """The `resolved` configuration for a `run_workflow` command that came without one: the agents
    and the expectations are those of the workflow's configuration.

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
    parameters = _workflow_parameters(found)
    for key, value in params.items():
        if key == "namespace":
            continue
        if isinstance(value, dict):
            for inner, inner_value in value.items():
                _set_parameter(parameters, (key, inner), inner_value, command)
        else:
            _set_parameter(parameters, ("parameters", key), value, command)
    return Configuration(
        testbed=TestbedSection(namespace=namespace),
        workflow=workflow,
        agents=_agents(layers, chosen.name),
        parameters=parameters.values,
        expect=_section(ExpectSection, layers, "expect", place=chosen.name),
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


def _parse_overrides(overrides: Iterable[str]) -> list[tuple[tuple[str, ...], Any]]:
    parsed = []
    for text in overrides:
        key, equals, value = text.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            raise ConfigurationError(
                place=SET,
                problem=f'"{text}" is not of the form section.key=value',
                hint="For example:  --set fast_processing.stf_count=200",
            )
        if len(path) == 1:
            path = ("parameters", *path)
        parsed.append((path, _toml_value(value.strip())))
    return parsed


def _toml_value(text: str) -> Any:
    """A value as TOML would read it; a bare word is a string."""
    try:
        return tomli.loads(f"value = {text}")["value"]
    except tomli.TOMLDecodeError:
        return text


def _section(model: type[SectionModel], layers: Layers, *path: str, place: str) -> SectionModel:
    table = layers.section(*path)
    try:
        return model.model_validate(table)
    except ValidationError as error:
        problems = [
            _explain(model, path, problem, layers, place)
            for problem in error.errors(include_url=False)
        ]
    origin, text = problems[0]
    more = "".join(f"\n{other_origin}: {other}" for other_origin, other in problems[1:])
    raise ConfigurationError(place=origin, problem=text + more)


def _explain(
    model: type[BaseModel], path: tuple[str, ...], problem: Any, layers: Layers, place: str
) -> tuple[str, str]:
    """Where one of pydantic's complaints comes from, and what it says in our words."""
    key = str(problem["loc"][0]) if problem["loc"] else ""
    section = f"[{'.'.join(path)}]"
    origin = layers.origins.get((*path, key), place)
    value = problem["input"]
    match problem["type"]:
        case "missing":
            return origin, f'{section} the key "{key}" is missing'
        case "extra_forbidden":
            return origin, f'{section} has no key "{key}"; ' + nearest(key, model.model_fields)
        case "string_pattern_mismatch" if key == "namespace":
            meaning = "must be lower-case letters, digits, - and _, at most 40, the first no sign"
        case "string_pattern_mismatch":
            meaning = f"must match {problem['ctx']['pattern']}"
        case kind:
            meaning = EXPECTED.get(kind) or problem["msg"].replace("Input should be", "must be")
    return origin, f"{section} {key} = {as_toml(value)} is not valid: {meaning}"


def _agents(layers: Layers, place: str) -> dict[str, AgentSection]:
    agents = {}
    for key, table in layers.section("agents").items():
        if not isinstance(table, dict):
            raise ConfigurationError(
                place=layers.origins.get(("agents", key), place),
                problem=f"[agents] {key} = {as_toml(table)} is not a section; write [agents.{key}]",
            )
        agents[key] = _section(AgentSection, layers, "agents", key, place=place)
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


def _workflow_parameters(defaults: list[Document]) -> Layers:
    layers = Layers()
    for document in defaults:
        if "parameters" in document.tables:
            raise ConfigurationError(
                place=document.name,
                problem="[parameters] overrides what a configuration has: it belongs into "
                "testbed.toml; name the section here",
            )
        for section, table in document.tables.items():
            if is_parameter_section(section):
                layers.lay({section: table}, document.name)
    for path in layers.origins:
        check_parameter(layers, path, layers.section(*path[:-1])[path[-1]], layers.origins[path])
    return layers


def _override_parameters(
    parameters: Layers, sections: Iterable[tuple[str, Table]], place: str
) -> None:
    for section, table in sections:
        if is_parameter_section(section) or section == "parameters":
            for key, value in table.items():
                _set_parameter(parameters, (section, key), value, place)


def _set_parameter(parameters: Layers, path: tuple[str, ...], value: Any, place: str) -> None:
    """Override one parameter; `parameters.<key>` means the key wherever it lives."""
    if path[0] != "parameters":
        check_parameter(parameters, path, value, place)
        parameters.put(path, value, place)
        return
    key = path[-1]
    homes = [section for section, table in parameters.values.items() if key in table]
    if not homes or len(path) != 2:
        known = {name for table in parameters.values.values() for name in table}
        raise ConfigurationError(
            place=place,
            problem=f'the workflow has no parameter "{".".join(path[1:])}"; ' + nearest(key, known),
        )
    for section in homes:
        check_parameter(parameters, (section, key), value, place)
        parameters.put((section, key), value, place)
