"""What the engine says of a container, as the gate reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from testbed.engine.inspection import NEVER, read_container, read_time

INSPECTED: dict[str, Any] = {
    "Id": "ab" * 32,
    "RestartCount": 2,
    "State": {
        "Status": "running",
        "ExitCode": 0,
        "StartedAt": "2026-01-05T12:00:00.123456789Z",
        "Health": {"Status": "healthy", "Log": []},
    },
    "Config": {
        "Image": "testbed/agent:1",
        "Labels": {"com.docker.compose.service": "example-data-agent"},
    },
}
STARTED = datetime(2026, 1, 5, 12, 0, 0, 123456, UTC)


def test_a_container_is_read_from_what_inspect_says() -> None:
    container = read_container(INSPECTED)
    assert (container.program, container.container_id) == ("example-data-agent", "ab" * 32)
    assert (container.state, container.health) == ("running", "healthy")
    assert (container.started_at, container.restart_count) == (STARTED, 2)
    assert container.image == "testbed/agent:1"


def test_a_container_without_a_health_check_has_no_health() -> None:
    state = {**INSPECTED["State"], "Health": None}
    assert read_container({**INSPECTED, "State": state}).health is None


@pytest.mark.parametrize("started", [NEVER, "", None])
def test_a_container_that_never_ran_has_no_start(started: str | None) -> None:
    state = {**INSPECTED["State"], "Status": "created", "StartedAt": started}
    assert read_container({**INSPECTED, "State": state}).started_at is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T12:00:00.123456789Z", STARTED),
        ("2026-01-05T12:00:00.1Z", STARTED.replace(microsecond=100_000)),
        ("2026-01-05T12:00:00Z", STARTED.replace(microsecond=0)),
        ("2026-01-05T13:00:00.123456789+01:00", STARTED),
        ("2026-01-05T06:30:00.123456789-05:30", STARTED),
    ],
)
def test_the_engines_times_are_read_in_utc_to_the_microsecond(text: str, moment: datetime) -> None:
    assert read_time(text) == moment
    assert read_time(text).utcoffset() == timedelta(0)
