"""An agent between a STOMP server and a monitor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runtime import consumer
from tests.unit.agents.bench import Bench, Echo
from tests.unit.agents.surroundings import Surroundings
from tests.unit.stomp_server import StompServer
from tests.unit.testbed.monitor_server import MonitorServer


@pytest.fixture
def bench(
    server: StompServer, monitor: MonitorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """The `Echo` agent, not yet started; it is stopped after the test."""
    monkeypatch.setattr(consumer, "IDLE_AFTER_S", 0.02)
    Echo.handled.clear()
    Echo.gate.set()
    made = Bench(Echo, server, monitor, tmp_path)
    yield made
    Echo.gate.set()
    server.silent.clear()
    monitor.away = False
    made.stop()


@pytest.fixture
def around(server: StompServer, monitor: MonitorServer, tmp_path: Path) -> Iterator[Surroundings]:
    """What an example agent needs around it; the agents are stopped after the test."""
    made = Surroundings(server, monitor, tmp_path)
    yield made
    made.stop()
