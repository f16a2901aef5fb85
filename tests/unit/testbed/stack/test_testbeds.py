"""All testbeds of a host: found by their containers, and taken down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swf_common.errors import BackendError, ExitCode
from testbed.commands.open import shows_pages
from testbed.stack.testbeds import Testbed, find_testbeds, take_down_all
from testbed.testing import FakeHost


def inspected(
    project: str = "testbed-torre1",
    service: str = "postgres",
    role: str = "backend",
    *,
    state: str = "running",
    health: str | None = "healthy",
    restart: str = "unless-stopped",
    port: int | None = None,
    folder: str = "/home/jane/testbed",
) -> dict[str, Any]:
    """A container as `inspect` tells it."""
    binding = [{"HostIp": "127.0.0.1", "HostPort": str(port)}] if port else None
    return {
        "State": {"Status": state, "Health": {"Status": health} if health else None},
        "HostConfig": {"RestartPolicy": {"Name": restart}},
        "NetworkSettings": {"Ports": {"8000/tcp": binding}},
        "Config": {
            "Labels": {
                "com.docker.compose.project": project,
                "com.docker.compose.service": service,
                "com.docker.compose.project.working_dir": folder,
                "org.epic.testbed.role": role,
            }
        },
    }


MIGRATE = inspected(service="migrate", state="exited", health=None, restart="no")
AGENT = inspected(service="example-data-agent", role="agent")


def test_a_testbed_is_told_with_its_state_address_and_folder() -> None:
    monitor = inspected(service="monitor", port=49153)
    created = inspected(service="transformer", role="agent", state="created", health=None)
    (found,) = find_testbeds([inspected(), monitor, MIGRATE, AGENT, created])
    assert found == Testbed(
        project="testbed-torre1",
        namespace="torre1",
        state="up",
        agents=1,
        monitor_url="http://127.0.0.1:49153",
        folder="/home/jane/testbed",
    )


@pytest.mark.parametrize(
    ("containers", "state"),
    [
        ([inspected(), MIGRATE], "up"),
        ([inspected(health=None)], "up"),
        ([inspected(), inspected(service="monitor", health="starting")], "starting"),
        ([inspected(), inspected(service="monitor", health="unhealthy")], "degraded"),
        ([inspected(), inspected(service="monitor", state="exited")], "degraded"),
        ([inspected(), inspected(service="monitor", state="paused")], "degraded"),
        ([inspected(state="exited"), MIGRATE], "stopped"),
        ([inspected(state="created"), AGENT], "stopped"),
        ([MIGRATE], "stopped"),
    ],
)
def test_the_state_is_that_of_the_backend(containers: list[Any], state: str) -> None:
    (found,) = find_testbeds(containers)
    assert found.state == state


def test_projects_that_are_no_testbeds_are_left_out() -> None:
    other = inspected("somebody-elses")
    names = [one.namespace for one in find_testbeds([inspected("testbed-b"), other, inspected()])]
    assert names == ["b", "torre1"]


def test_all_are_taken_down_and_one_that_cannot_be_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    projects = [f"testbed-{letter}" for letter in "abc"]
    host = FakeHost(*(inspected(project, folder=str(tmp_path)) for project in projects))
    host.failing["testbed-b"] = "network has active endpoints"
    with pytest.raises(BackendError, match=r"testbed-b: .*active endpoints") as caught:
        take_down_all(host, find_testbeds(host.containers()), volumes=True)
    assert caught.value.exit_code == ExitCode.BACKEND
    assert host.taken_down == [("testbed-a", True), ("testbed-c", True)]
    assert capsys.readouterr().err.splitlines() == ["testbed-a is down.", "testbed-c is down."]


def test_the_lock_of_another_checkout_is_respected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".testbed" / "torre1").mkdir(parents=True)
    host = FakeHost(inspected(folder=str(tmp_path)))
    take_down_all(host, find_testbeds(host.containers()), volumes=False)
    assert host.taken_down == [("testbed-torre1", False)]
    assert (tmp_path / ".testbed" / "torre1" / "lock").exists()


@pytest.mark.parametrize(
    ("environment", "platform", "terminal", "shows"),
    [
        ({"DISPLAY": ":0"}, "linux", True, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True, True),
        ({}, "darwin", True, True),
        ({}, "linux", True, False),
        ({"DISPLAY": ":0"}, "linux", False, False),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", True, False),
    ],
)
def test_a_browser_is_opened_only_before_somebody_with_a_screen(
    environment: dict[str, str], platform: str, terminal: bool, shows: bool
) -> None:
    assert shows_pages(environment, platform, terminal=terminal) is shows
