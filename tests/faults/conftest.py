"""Fixtures of the fault layer: a stack of its own, and a run in its middle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from testbed.integration import TestbedStack
from tests.rest import Api
from tests.stacks import SOON, WITH_PORTS, running
from tests.waiting import eventually

SHORT_DELAYS = [
    *SOON,
    "--set=beam_not_ready_end_delay=0",
    "--set=stf_interval=0.1",
    "--set=fast_processing.stf_count=30",
    "--set=expect.stf_processed=0",
]
"""A run of 30 STFs in about nine seconds of real time."""


@pytest.fixture(scope="package")
def stack() -> Iterator[TestbedStack]:
    """A running testbed that these tests may break."""
    with running(files=WITH_PORTS) as stack:
        yield stack


@pytest.fixture
def viewer(stack: TestbedStack) -> Api:
    return Api(stack, "viewer")


@pytest.fixture
def run_with(stack: TestbedStack, viewer: Api) -> Callable[[Callable[[], object]], Any]:
    """Run a workflow and do something in its middle; exit code and report."""

    def run(disturb: Callable[[], object]) -> tuple[int, Any]:
        assert stack.command("up").returncode == 0

        def in_the_middle() -> bool:
            running = viewer.get("workflow-executions/", status="running")
            if not running:
                return False
            rows = viewer.get(
                "workflow-messages/",
                execution_id=running[0]["execution_id"],
                message_type="stf_gen",
            )
            return len(rows) >= 5

        with stack.command_in_background("run", "--json", *SHORT_DELAYS) as process:
            eventually(in_the_middle, "the run has made five STFs", 60)
            disturb()
            output, errors = process.communicate(timeout=240)
        assert output, errors
        return process.returncode, json.loads(output)

    return run
