"""What is kept of a failed test, whose stack is a fake."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from testbed.integration import TestbedStack
from testbed.testing import FakeContainers
from tests import evidence

Phase = Literal["setup", "call", "teardown"]


@pytest.fixture
def containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeContainers:
    """The containers of the one stack that is alive."""
    stack = TestbedStack(namespace="torre8", artifacts=tmp_path)
    found = FakeContainers()
    stack.session.__dict__["containers"] = found
    monkeypatch.setattr(evidence, "ALIVE", {stack.namespace: stack})
    return found


@pytest.mark.parametrize("phase", ["setup", "call", "teardown"])
def test_a_failure_in_any_phase_keeps_the_containers_logs_and_names_their_folder(
    request: pytest.FixtureRequest, containers: FakeContainers, tmp_path: Path, phase: Phase
) -> None:
    victim = containers.add("monitor")
    containers.tell(victim.container_id, "out of paper")
    report = pytest.TestReport("test", ("file", 1, "test"), {}, "failed", "", phase)
    evidence.keep_stacks(request.node, report)
    ((_, said),) = report.sections
    folder = Path(said.removeprefix("container logs are in "))
    assert folder == tmp_path / evidence.evidence_name(request.node, report) / "torre8"
    (log,) = folder.iterdir()
    assert "out of paper" in log.read_text()


def test_evidence_that_cannot_be_kept_hides_no_failure(
    request: pytest.FixtureRequest, containers: FakeContainers, tmp_path: Path
) -> None:
    report = pytest.TestReport("test", ("file", 1, "test"), {}, "failed", "", "call")
    (tmp_path / evidence.evidence_name(request.node, report)).write_text("in the way")
    evidence.keep_stacks(request.node, report)
    ((_, said),) = report.sections
    assert said.startswith("no container logs of torre8: ")
