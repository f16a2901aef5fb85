"""What the layers share: a Docker engine or none, their division, evidence of failures."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import suppress
from functools import cache
from typing import Any

import pytest

from tests.evidence import keep_stacks
from tests.missing import missing

LAYERS_WITH_DOCKER = ("integration", "acceptance", "browser", "faults")


@cache
def engine_answers() -> bool:
    """Whether a Docker engine answers: the one that the command would use."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def pytest_configure() -> None:
    """Have testcontainers use the engine that the command uses: it does not know DOCKER_CONTEXT."""
    from testbed.engine.endpoint import NoSuchContext, find_engine

    with suppress(NoSuchContext):
        if "DOCKER_CONTEXT" in os.environ:
            os.environ.update(find_engine().variables())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the layers that need Docker."""
    for item in items:
        if item.path.parent.name in LAYERS_WITH_DOCKER:
            item.add_marker(pytest.mark.docker)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Divide `--dist loadfile` in our way."""
    if config.getvalue("dist") == "loadfile":
        from tests.scheduling import ByFile

        return ByFile(config, log)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without an engine skip what needs one; in CI fail it."""
    if item.get_closest_marker("docker") and not engine_answers():
        missing("no Docker engine answers: make engine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Keep the evidence of a failure, be it in setup, call or teardown."""
    report = yield
    report.sections = [(name, _sendable(text)) for name, text in report.sections]
    if report.failed:
        keep_stacks(item, report)
    return report


def _sendable(text: str) -> str:
    """The text without lone surrogates, which tests log and pytest-xdist cannot send."""
    return text.encode(errors="replace").decode()
