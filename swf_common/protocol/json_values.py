"""Values of JSON columns, which agents fill: one that is of another shape than agreed is no reason
to fail.
"""

from __future__ import annotations

from typing import Any


def as_object(value: Any) -> dict[str, Any]:
    """An object; empty when the value is none."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A list; empty when the value is none."""
    return value if isinstance(value, list) else []


def as_count(value: Any) -> int | None:
    """A number of things; None when the value is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
