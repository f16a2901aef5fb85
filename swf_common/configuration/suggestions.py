"""How messages name what is wrong: the value as it was written, the nearest valid name."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any


def as_toml(value: Any) -> str:
    """A value as it stands in a TOML file.

    >>> as_toml("two"), as_toml(True), as_toml(float("inf"))
    ('"two"', 'true', 'inf')
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, default=str)


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that says what `name` could have been; empty when nothing is known.

    >>> nearest("stf_cuont", ["stf_count", "stf_interval"])
    'did you mean "stf_count"?'
    """
    names = sorted(set(known))
    if not names:
        return ""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f'did you mean "{close[0]}"?'
    return "known here: " + ", ".join(names)


def meant(name: str, known: Iterable[str], homes: Mapping[str, str]) -> str:
    """A sentence that says where a key belongs, or what it could have been.

    >>> meant("duration", ["stf_count"], {"duration": "workflow"})
    'it belongs under [workflow]'

    :param homes: the section of every key that belongs elsewhere
    """
    if name in homes:
        return f"it belongs under [{homes[name]}]"
    return nearest(name, known)
