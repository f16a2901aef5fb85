"""Which tests with Docker run in one process of pytest-xdist, and which of them begin first.

`--dist loadgroup` gives each group to the next process that is free, in the order of the tests.
Long groups begin first, so that the processes end together.
"""

from __future__ import annotations

from typing import Any

import pytest

STACKS = ("stack", "own", "edited")
"""The fixtures that are stacks."""

BY_FILE = "tests/integration"
"""The folder whose stack each process starts for itself: its files are groups of their own."""

LONGEST = (
    "tests/faults",
    "tests/browser",
    "tests/acceptance/test_gate.py",
    "tests/acceptance/test_fast_processing.py",
    "tests/acceptance",
    "tests/acceptance/test_orphans.py",
    "tests/acceptance/test_compose.py",
    "tests/acceptance/test_recreation.py",
    "tests/integration/test_schema.py",
)
"""The groups that take longest, the longest first; all others are shorter."""


def group_of(item: pytest.Item) -> str:
    """The folder or file whose stack a test uses; its own file for a test without one."""
    fixtures: Any = getattr(item, "_fixtureinfo", None)
    for name in STACKS:
        if fixtures and name in fixtures.name2fixturedefs:
            home = str(fixtures.name2fixturedefs[name][-1].baseid)
            if home != BY_FILE:
                return home
    return item.nodeid.partition("::")[0]


def longest_first(item: pytest.Item) -> int:
    """A test's place: unit tests, the longest groups, the others as they were collected."""
    mark = item.get_closest_marker("xdist_group")
    if mark is None:  # a unit test
        return -1
    return LONGEST.index(mark.args[0]) if mark.args[0] in LONGEST else len(LONGEST)
