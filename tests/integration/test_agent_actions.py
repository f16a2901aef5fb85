"""`testbed agents` needs neither broker nor monitor nor supervisor."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from testbed.integration import TestbedStack

DATA = "example-data-agent"
NOT_ENABLED = "transformer"
BACKEND = ("activemq", "monitor", "supervisor")


@pytest.fixture(scope="module")
def alone() -> Iterator[TestbedStack]:
    """A testbed whose broker, monitor and supervisor are stopped."""
    with TestbedStack() as own:
        assert own.command("up").returncode == 0, "agents that are not enabled are created"
        own.session.compose.stop(BACKEND)
        yield own


def state_of(stack: TestbedStack, program: str) -> str:
    (state,) = (one.state for one in stack.session.containers.all() if one.program == program)
    return state


@pytest.mark.parametrize(
    ("verb", "program", "state"),
    [
        ("stop", DATA, "exited"),
        ("start", DATA, "running"),
        ("restart", DATA, "running"),
        ("kill", DATA, "exited"),
        ("start", NOT_ENABLED, "running"),
        ("kill", NOT_ENABLED, "exited"),
    ],
)
def test_agents_are_acted_upon_while_the_backend_is_down(
    alone: TestbedStack, verb: str, program: str, state: str
) -> None:
    done = alone.command("agents", verb, program)
    assert (done.returncode, program in done.stdout) == (0, True), done.stderr
    assert state in done.stdout.split()
    assert state_of(alone, program) == state
    assert {state_of(alone, name) for name in BACKEND} == {"exited"}


def test_agents_are_listed_while_the_backend_is_down(alone: TestbedStack) -> None:
    listed = alone.command("agents", "list")
    assert (listed.returncode, listed.stdout.split()[0]) == (0, "PROGRAM")
    assert {DATA, NOT_ENABLED, "workflow-runner"} <= set(listed.stdout.split())
    assert not set(BACKEND) & set(listed.stdout.split())


def test_a_stop_lets_an_agent_end_by_itself_and_a_kill_does_not(alone: TestbedStack) -> None:
    codes = {}
    for verb in ("stop", "kill"):
        assert alone.command("agents", "start", DATA).returncode == 0
        (row,) = alone.command("agents", verb, DATA).stdout.splitlines()[1:]
        codes[verb] = row.split()[-2]
    assert codes == {"stop": "0", "kill": "137"}


@pytest.mark.parametrize(("verb", "state"), [("start", "running"), ("stop", "exited")])
def test_a_paused_agent_goes_on_or_ends(alone: TestbedStack, verb: str, state: str) -> None:
    assert alone.command("agents", "start", DATA).returncode == 0
    command = ["docker", "pause", alone.container_id(DATA)]
    subprocess.run(command, check=True, capture_output=True)
    done = alone.command("agents", verb, DATA)
    assert (done.returncode, state_of(alone, DATA)) == (0, state), done.stderr


@pytest.mark.parametrize("name", ["postgres", "example-data-agnt"])
def test_only_agents_of_compose_yaml_are_acted_upon(alone: TestbedStack, name: str) -> None:
    wrong = alone.command("agents", "stop", name)
    assert (wrong.returncode, "no such agent" in wrong.stderr) == (2, True)
    assert state_of(alone, "postgres") == "running"


def test_a_testbed_that_is_down_has_no_agents() -> None:
    own = TestbedStack()
    done = own.command("agents", "list")
    own.forget()
    assert (done.returncode, "testbed up" in done.stderr) == (5, True)
