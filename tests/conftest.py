"""What the layers share: a Docker engine or none, one running stack, evidence of failures."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.evidence import evidence_name

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

ROOT = Path(__file__).resolve().parent.parent
LAYERS_WITH_DOCKER = ("integration", "acceptance", "browser", "faults")


def engine_answers() -> bool:
    """Whether a Docker engine answers: the one that the command would use."""
    from swf_common.errors import BackendError
    from testbed.engine.docker_containers import connect

    try:
        connect()
    except BackendError:
        return False
    return True


def pytest_configure() -> None:
    """Have testcontainers use the engine that the command uses: it does not know DOCKER_CONTEXT."""
    from testbed.engine.endpoint import NoSuchContext, find_engine

    with suppress(NoSuchContext):
        if "DOCKER_CONTEXT" in os.environ:
            os.environ.update(find_engine().variables())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the layers that need Docker; without an engine skip them here, fail them in CI."""
    marked = [item for item in items if item.path.parent.name in LAYERS_WITH_DOCKER]
    for item in marked:
        item.add_marker(pytest.mark.docker)
    if marked and not engine_answers():
        if os.environ.get("CI"):
            pytest.exit("No Docker engine answers; in CI the tests that need one have to run.", 1)
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no Docker engine answers: make engine"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Keep the stack's evidence of a failed test, in a folder that the report names."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.when == "call" and report.failed and stack is not None:
        folder = stack.keep_evidence(evidence_name(item))
        report.sections.append(("evidence", f"container logs are in {folder}"))
    return report


@pytest.fixture(scope="session")
def stack() -> Iterator[TestbedStack]:
    """A running testbed whose broker and database are reachable from the tests."""
    from testbed.integration import TestbedStack

    _remove_left_overs()
    with TestbedStack(files=("compose.yaml", "compose.debug.yaml")) as running:
        yield running


def _remove_left_overs() -> None:
    """Take down stacks of earlier test runs whose process is gone."""
    from testbed.integration import NAMESPACE_PREFIX

    listed = subprocess.run(
        ["docker", "compose", "ls", "--all", "--quiet"], capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split():
        match = re.fullmatch(rf"testbed-{NAMESPACE_PREFIX}(\d+)-\w+", name)
        if match and not _lives(int(match[1])):
            subprocess.run(
                ["docker", "compose", "-p", name, "down", "--volumes"],
                capture_output=True,
                check=True,
            )


def _lives(process: int) -> bool:
    """Whether there is a process of that number; not every system has /proc."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
