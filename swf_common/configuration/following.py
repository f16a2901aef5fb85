"""Expectations that follow a parameter: `stf_processed = "stf_count"`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from swf_common.configuration.layers import Layers
from swf_common.configuration.model import ExpectSection
from swf_common.configuration.parameters import Parameters
from swf_common.configuration.suggestions import as_toml, nearest
from swf_common.errors import ConfigurationError


def follow_parameters(
    layers: Layers, parameters: Parameters, sections: Collection[str], *, duration: float
) -> None:
    """Put the parameter's value in place of each name under `[expect]`; origins say so.

    With a duration the parameters do not say how many STFs there will be, so nothing is expected
    that follows one.

    :param parameters: as the workflow will see them
    :param sections: those that a name may begin with, as `section.key`
    :param duration: simulated seconds after which the run is ended; 0 = it runs to its end
    :raises ConfigurationError: no such parameter, or one that is no number
    """
    values = parameters.model_dump()
    for path in [("expect", key) for key in ExpectSection.model_fields] + [
        ("expect", "stages", stage) for stage in layers.section("expect", "stages")
    ]:
        table, key = layers.section(*path[:-1]), path[-1]
        name = table.get(key)
        if not isinstance(name, str):
            continue
        origin = layers.origins[path]
        what = f"[{'.'.join(path[:-1])}] {key} = {as_toml(name)}"
        value = _value(name, values, sections, origin, what)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if duration:
            del table[key]
            layers.origins[path] = f"{origin}, follows {name}; not with a duration"
        else:
            layers.put(path, value, f"{origin}, follows {name}")


def _value(
    name: str, values: Mapping[str, Any], sections: Collection[str], place: str, what: str
) -> Any:
    """The value of a parameter, by its key or by section and key."""
    section, _, key = name.rpartition(".")
    if key not in values or (section and section not in sections):
        known = [f"{one}.{inner}" for one in sections for inner in values] if section else values
        raise ConfigurationError(
            place=place,
            problem=f"{what}: the workflow has no such parameter; {nearest(name, known)}",
        )
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(
            place=place, problem=f"{what}: that parameter is {as_toml(value)}, which is no number"
        )
    return value
