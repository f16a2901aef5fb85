"""Fixtures of the unit tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.unit.testbed_files import Files, write_testbed

# how fast examples come says something of the machine, not of the code
settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A folder with a testbed.toml and a few small workflows; the current folder meanwhile."""
    monkeypatch.chdir(tmp_path)
    return write_testbed(tmp_path)
