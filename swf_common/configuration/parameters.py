"""What the parameters of a workflow may be: known to its configuration, and of the same kind."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from swf_common.configuration.documents import Document
from swf_common.configuration.layers import Layers
from swf_common.configuration.model import SYSTEM_SECTIONS, section_used
from swf_common.configuration.sections import SYSTEM_HOMES
from swf_common.configuration.suggestions import as_toml, meant, nearest
from swf_common.errors import ConfigurationError

LARGEST = 1e9
"""No parameter is larger: a billion seconds are thirty years."""

FRACTIONS = ("fraction", "rate")
"""Last words of the names of parameters that lie between 0 and 1."""


def is_parameter_section(section: str) -> bool:
    """Whether a section holds parameters of the workflow."""
    return section not in SYSTEM_SECTIONS


def check_parameter(known: Layers, path: tuple[str, ...], value: Any, place: str) -> None:
    """Refuse a parameter that the workflow's configuration does not know, or of another kind.

    A key may be set in any section that the configuration has, if some section knows the key:
    the sections are laid over each other, `daq_state_machine` first.

    :raises ConfigurationError: unknown section or key, another type, not finite, negative,
        or a fraction above 1
    """
    section, key = path[0], path[-1]
    if section not in known.values:
        sections = [*known.values, *SYSTEM_SECTIONS]
        raise ConfigurationError(
            place=place,
            problem=f"nothing knows the section [{section}]; " + nearest(section, sections),
        )
    examples = {name: table[name] for table in known.values.values() for name in table}
    if len(path) != 2 or isinstance(value, dict) or key not in examples:
        raise ConfigurationError(
            place=place,
            problem=f'[{section}] has no key "{".".join(path[1:])}"; '
            + meant(key, examples, SYSTEM_HOMES),
        )
    example = known.values[section].get(key, examples[key])
    complaint = _complaint(key, example, value)
    if complaint:
        raise ConfigurationError(
            place=place, problem=f"[{section}] {key} = {as_toml(value)} is not valid: {complaint}"
        )


def _complaint(key: str, example: Any, value: Any) -> str:
    if isinstance(example, bool) or isinstance(value, bool):
        return "" if type(value) is type(example) else f"must be {_kind(example)}"
    if isinstance(example, int | float):
        if not isinstance(value, int | float):
            return f"must be {_kind(example)}"
        if isinstance(value, float) and not math.isfinite(value):
            return "must be a finite number"
        if value < 0:
            return "must not be negative"
        if value > LARGEST:
            return f"must not be above {LARGEST:g}"
        if key.rsplit("_", 1)[-1] in FRACTIONS and value > 1:
            return "must lie between 0 and 1"
        if key.endswith("_count") and not float(value).is_integer():
            return "must be a whole number"
        return ""
    return "" if isinstance(value, type(example)) else f"must be {_kind(example)}"


def _kind(example: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    return kinds.get(type(example), f"a {type(example).__name__}")


def workflow_parameters(defaults: list[Document]) -> Layers:
    """The parameters of a workflow's configuration.

    :param defaults: its file, after all that it includes
    :raises ConfigurationError: a value that no parameter may have
    """
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


def override_parameters(
    parameters: Layers, values: Iterable[tuple[tuple[str, ...], Any]], place: str
) -> None:
    """Lay the values of one place over parameters, one after the other.

    :param values: each with its path: section and key, or `parameters` and a key
    :raises ConfigurationError: as `set_parameter`, or one that no workflow would see, since
        another section has the same key and wins
    """
    paths = []
    for path, value in values:
        set_parameter(parameters, path, value, place)
        paths.append(path)
    for section, key in paths:
        used = section_used(parameters.values, key)
        if used not in (section, None) and section != "parameters":
            value = parameters.values[section][key]
            if value != parameters.values[used or ""][key]:
                raise ConfigurationError(
                    place=place,
                    problem=f"[{section}] {key} = {as_toml(value)} is not used: the workflow "
                    f"takes it from [{used}]; set it there",
                )


def set_parameter(parameters: Layers, path: tuple[str, ...], value: Any, place: str) -> None:
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
            problem=f'the workflow has no parameter "{".".join(path[1:])}"; '
            + meant(key, known, SYSTEM_HOMES),
        )
    for section in homes:
        check_parameter(parameters, (section, key), value, place)
        parameters.put((section, key), value, place)
