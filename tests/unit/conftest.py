"""Fixtures of the unit tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from swf_common.broker import connection as link
from tests.unit.stomp_server import StompServer
from tests.unit.testbed.monitor_server import MonitorServer
from tests.unit.testbed.testbed_files import Files, write_testbed

# how fast examples come says something of the machine, not of the code
settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A folder with a testbed.toml and a few small workflows; the current folder meanwhile."""
    monkeypatch.chdir(tmp_path)
    return write_testbed(tmp_path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StompServer]:
    """A STOMP server that is stopped after the test; links are quick to come back to it."""
    monkeypatch.setattr(link, "FIRST_BACK_OFF_S", 0.02)
    running = StompServer()
    yield running
    running.stop()


@pytest.fixture
def monitor() -> Iterator[MonitorServer]:
    """A monitor that is stopped after the test."""
    running = MonitorServer()
    yield running
    running.stop()
