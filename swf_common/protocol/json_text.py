"""What JSON may not hold to be stored: NUL characters, and nesting without end."""

from __future__ import annotations

import re
from typing import Any

MAX_DEPTH = 100
"""Objects and arrays within each other, at the most."""

_NESTING = (dict, list)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def holds_nul(text: bytes) -> bool:
    """Whether a JSON text holds a NUL character, which PostgreSQL cannot store."""
    return b"\\u0000" in text and _NUL.search(text) is not None


def holds_long_text(value: Any, longest: int) -> bool:
    """Whether a decoded JSON value holds a text of more than `longest` characters."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and len(one) > longest:
            return True
        if isinstance(one, dict):
            waiting += one.keys()
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False


def may_nest_too_deeply(text: str | bytes) -> bool:
    """Whether a JSON text has so many brackets at all; cheap, for texts that mostly have few."""
    if isinstance(text, str):
        return text.count("{") + text.count("[") > MAX_DEPTH
    return text.count(b"{") + text.count(b"[") > MAX_DEPTH


def nested_too_deeply(value: Any) -> bool:
    """Whether a decoded JSON value is nested deeper than `MAX_DEPTH`."""
    level = [value] if isinstance(value, _NESTING) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, _NESTING)
        ]
        if not level:
            return False
    return True
