"""Expectations that follow a parameter: `stf_processed = "stf_count"`. Pure."""

from __future__ import annotations

from typing import Any

from swf_common.configuration.layers import Layers
from swf_common.configuration.model import ExpectSection, flat_parameters
from swf_common.configuration.suggestions import as_toml, nearest
from swf_common.errors import ConfigurationError


def follow_parameters(layers: Layers, parameters: Layers, *, duration: float) -> None:
    """Put the parameter's value in place of each name under `[expect]`; origins say so.

    With a duration the parameters do not say how many STFs there will be, so nothing is expected
    that follows one.

    :param parameters: as the workflow will see them
    :param duration: simulated seconds after which the run is ended; 0 = it runs to its end
    :raises ConfigurationError: no such parameter, or one that is no number
    """
    expect = layers.section("expect")
    for key, name in [*expect.items()]:
        if key not in ExpectSection.model_fields or not isinstance(name, str):
            continue
        origin = layers.origins["expect", key]
        value = _value(name, parameters, place=origin, what=f"[expect] {key} = {as_toml(name)}")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if duration:
            del expect[key]
            layers.origins["expect", key] = f"{origin}, follows {name}; not with a duration"
        else:
            layers.put(("expect", key), value, f"{origin}, follows {name}")


def _value(name: str, parameters: Layers, *, place: str, what: str) -> Any:
    """The value of a parameter: by its key as the workflow takes it, or by section and key."""
    section, _, key = name.rpartition(".")
    table = parameters.section(section) if section else flat_parameters(parameters.values)
    if key not in table:
        known = {
            f"{one}.{inner}" if section else inner
            for one, values in parameters.values.items()
            for inner in values
        }
        raise ConfigurationError(
            place=place,
            problem=f"{what}: the workflow has no such parameter; {nearest(name, known)}",
        )
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(
            place=place, problem=f"{what}: that parameter is {as_toml(value)}, which is no number"
        )
    return value
