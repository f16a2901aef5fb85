"""A section of testbed.toml as its model, and what is wrong with it in the words of TOML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from swf_common.configuration.layers import Layers
from swf_common.configuration.model import (
    AgentSection,
    ExpectSection,
    SupervisorSection,
    TestbedSection,
    WorkflowSection,
)
from swf_common.configuration.parameters import WORDS
from swf_common.configuration.suggestions import as_toml, meant
from swf_common.errors import ConfigurationError

SectionModel = TypeVar("SectionModel", bound=BaseModel)
SYSTEM_HOMES = {
    key: section
    for section, model in (
        ("supervisor", SupervisorSection),
        ("agents.<key>", AgentSection),
        ("testbed", TestbedSection),
        ("expect", ExpectSection),
        ("workflow", WorkflowSection),
    )
    for key in model.model_fields
}
"""The section to which a key belongs that has a meaning of its own."""


def read_section(
    model: type[SectionModel],
    layers: Layers,
    *path: str,
    place: str,
    homes: Callable[[], Mapping[str, str]] = lambda: SYSTEM_HOMES,
) -> SectionModel:
    """The section at `path`.

    :param place: what messages name where a value has no origin
    :param homes: the section of every key that belongs elsewhere; asked only for a message
    :raises ConfigurationError: with every mistake in it
    """
    table = layers.section(*path)
    try:
        return model.model_validate(table)
    except ValidationError as error:
        problems = [
            _explain(model, path, problem, layers, place, homes)
            for problem in error.errors(include_url=False)
        ]
    origin, text = problems[0]
    more = "".join(f"\n{other_origin}: {other}" for other_origin, other in problems[1:])
    raise ConfigurationError(place=origin, problem=text + more)


def _explain(
    model: type[BaseModel],
    path: tuple[str, ...],
    problem: Any,
    layers: Layers,
    place: str,
    homes: Callable[[], Mapping[str, str]],
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
            advice = meant(key, model.model_fields, homes())
            return origin, f'{section} has no key "{key}"; {advice}'
        case "string_pattern_mismatch" if key == "namespace":
            meaning = "must be lower-case letters, digits, - and _, at most 40, the first no sign"
        case "string_pattern_mismatch":
            meaning = f"must match {problem['ctx']['pattern']}"
        case kind:
            meaning = WORDS.get(kind) or problem["msg"].replace("Input should be", "must be")
    return origin, f"{section} {key} = {as_toml(value)} is not valid: {meaning}"
