"""The testbeds that tests run, and what is left of those of earlier test runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from testbed.integration import NAMESPACE_PREFIX, TestbedStack
from tests.engine import docker
from tests.evidence import ALIVE

WITH_PORTS = ("compose.yaml", "compose.debug.yaml")
"""Compose files with which broker and database can be reached from the tests."""

SOON = (
    "--set=no_beam_not_ready_delay=0",
    "--set=beam_not_ready_delay=0",
    "--set=beam_ready_delay=0",
    "--set=broadcast_delay=0",
)
"""Options of a run in real time that takes data at once."""


@contextmanager
def running(**options: Any) -> Iterator[TestbedStack]:
    """A running testbed, with the options of `TestbedStack`; a failure keeps its evidence."""
    _remove_left_overs()
    with TestbedStack(**options) as stack:
        ALIVE[stack.namespace] = stack
        try:
            yield stack
        finally:
            del ALIVE[stack.namespace]


@contextmanager
def not_started(**options: Any) -> Iterator[TestbedStack]:
    """A testbed that a test starts itself; whatever it started is removed at the end."""
    stack = TestbedStack(**options)
    try:
        yield stack
    finally:
        stack.stop()


@cache
def _remove_left_overs() -> None:
    """Take down stacks of earlier test runs whose process is gone."""
    for name in docker("compose", "ls", "--all", "--quiet").split():
        match = re.fullmatch(rf"testbed-{NAMESPACE_PREFIX}(\d+)-\w+", name)
        if match and not _lives(int(match[1])):
            docker("compose", "-p", name, "down", "--volumes", "--timeout", "1")


def _lives(process: int) -> bool:
    """Whether there is a process of that number; not every system has /proc."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
