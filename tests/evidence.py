"""The evidence of a failure: what every stack alive has to say in that phase of the test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from testbed.project import ROOT

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

ARTIFACTS = ROOT / "artifacts"
ALIVE: dict[str, TestbedStack] = {}
"""The stacks that run in this process now, by namespace (tests/stacks.py)."""


def evidence_name(item: pytest.Item, report: pytest.TestReport) -> str:
    """The name of the folder of a test's phase, below the artifacts."""
    test = re.sub(r"[^A-Za-z0-9_-]+", "_", f"{item.path.stem}-{item.name}")
    return f"{test[:120]}-{report.when}"


def keep_stacks(item: pytest.Item, report: pytest.TestReport) -> None:
    """Keep the containers' logs of every stack alive, in a folder that the report names."""
    for namespace, stack in ALIVE.items():
        name = f"{evidence_name(item, report)}/{namespace}"
        try:
            said = f"container logs are in {stack.keep_evidence(name)}"
        except Exception as error:  # the failure itself has to be reported in any case
            said = f"no container logs of {namespace}: {error!r}"
        report.sections.append(("evidence", said))
