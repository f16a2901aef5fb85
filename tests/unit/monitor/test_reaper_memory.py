"""What the sweep remembers of executions that it has looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.recorder.reaper import still_asked_for

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_an_execution_is_forgotten_once_nobody_would_look_at_it_again() -> None:
    closed: dict[str, datetime] = {}
    for minute in range(10_000):
        moment = NOW + timedelta(minutes=minute)
        closed = still_asked_for(closed, moment - timedelta(hours=1))
        closed[f"execution-{minute}"] = moment
        assert len(closed) <= 60
    assert f"execution-{minute - 59}" in closed
