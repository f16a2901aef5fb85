"""A service that is dropped from the Compose files: shown, stopped if an agent, and removed."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from testbed.integration import TestbedStack
from tests.engine import left_behind
from tests.stacks import running
from tests.waiting import eventually

GHOST = "ghost-agent"
FASTMON = "example-fastmon-agent"
"""The program that the ghost is."""
GHOSTS_FILE = "tests/acceptance/ghost_agent.yaml"


def raise_ghost(own: TestbedStack) -> None:
    """Start the ghost, from a Compose file that is then dropped."""
    subprocess.run(
        [*own.compose_command_property, "up", "--detach", "--no-build", GHOST],
        env={**os.environ, **own.session.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    own.environment["COMPOSE_FILE"] = "compose.yaml"


def status(own: TestbedStack) -> Any:
    return json.loads(own.command("status", "--json").stdout)


def ghost_state(own: TestbedStack) -> str:
    """The state of the one orphan."""
    (ghost,) = status(own)["orphans"]
    assert (ghost["service"], ghost["role"]) == (GHOST, "agent")
    return str(ghost["state"])


@pytest.fixture
def own() -> Any:
    """A stack with an agent that the Compose files do not describe any more."""
    with running(files=("compose.yaml", GHOSTS_FILE)) as stack:
        raise_ghost(stack)
        yield stack


def test_a_dropped_agent_is_shown_and_stopped_and_what_waited_for_it_is_not_handled_later(
    own: TestbedStack,
) -> None:
    assert ghost_state(own) == "running"

    up = own.command("up")
    assert up.returncode == 0, up.stderr
    assert f"compose.yaml does not have any more: {GHOST}" in up.stderr
    assert ghost_state(own) == "exited"

    own.run("--no-realtime")
    waiting = eventually(lambda: status(own)["waiting_queues"], "what nobody consumes is shown")
    assert [queue["program"] for queue in waiting] == [FASTMON]

    assert own.command("agents", "start", FASTMON).returncode == 0
    eventually(lambda: not status(own)["waiting_queues"], "an agent takes what waited for it")
    log = own.session.containers.evidence(own.container_id(FASTMON)).log_lines
    assert any("are dropped: it ended, and had been started without" in line for line in log), log

    down = own.command("down", "--volumes")
    assert down.returncode == 0, down.stderr
    assert left_behind(own.session.project.name) == []


def test_stop_agents_stops_a_dropped_agent_too(own: TestbedStack) -> None:
    stopped = own.command("stop-agents")
    assert stopped.returncode == 0, stopped.stderr
    assert f"compose.yaml does not have any more: {GHOST}" in stopped.stderr
    assert ghost_state(own) == "exited"
