"""Which tests share a worker, and which of them begin first.

Tests that share a stack share a worker of pytest-xdist (`--dist loadgroup`), so that each stack is
started once; the longest groups begin first, so that the workers end together.
"""

from __future__ import annotations

from typing import Any

import pytest

STACKS = ("stack", "own", "edited")
"""Fixtures that are stacks."""

LONGEST = ("tests/integration", "tests/faults", "tests/browser")
"""Groups by the time that they take; all others are shorter."""


def group_of(item: pytest.Item) -> str:
    """The folder or file that defines the test's stack; its own file for a test without one."""
    found: Any = getattr(item, "_fixtureinfo", None)
    for name in STACKS:
        if found and name in found.name2fixturedefs:
            return str(found.name2fixturedefs[name][-1].baseid)
    return item.nodeid.partition("::")[0]


def longest_first(item: pytest.Item) -> int:
    """A test's place: unit tests, the longest groups, the others as they were collected."""
    mark = item.get_closest_marker("xdist_group")
    if mark is None:  # a unit test
        return -1
    return LONGEST.index(mark.args[0]) if mark.args[0] in LONGEST else len(LONGEST)
