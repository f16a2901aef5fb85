"""What the parameters of a workflow may be: known to its configuration, and of the same kind."""

from __future__ import annotations

import math
from typing import Any

from testbed.configuration.layers import Layers
from testbed.configuration.model import SYSTEM_SECTIONS
from testbed.configuration.suggestions import as_toml, nearest
from testbed.errors import ConfigurationError

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
            problem=f'[{section}] has no key "{".".join(path[1:])}"; ' + nearest(key, examples),
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
