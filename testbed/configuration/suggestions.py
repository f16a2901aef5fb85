"""Naming the nearest valid name when one is mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
