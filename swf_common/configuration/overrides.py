"""What `--set` says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tomli

from swf_common.errors import ConfigurationError

SET = "--set"


def parse_overrides(overrides: Iterable[str]) -> list[tuple[tuple[str, ...], Any]]:
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
        if len(path) > 2 and path[:2] == ("expect", "stages"):
            path = (*path[:2], ".".join(path[2:]))  # names of stages have points
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
