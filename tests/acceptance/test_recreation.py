"""What stays and what changes when containers are made new: the monitor's port, agents' images."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from testbed.integration import TestbedStack
from tests.engine import docker, left_behind
from tests.stacks import not_started, running

NOT_ENABLED = "transformer"


@pytest.fixture
def edited() -> Iterator[tuple[TestbedStack, dict[str, str]]]:
    """A running stack, and other names for its images, as an edit would give them."""
    with running() as own:
        names = {
            f"TESTBED_{name.upper()}_IMAGE": f"testbed/{name}:{own.namespace}"
            for name in ("agent", "monitor")
        }
        for variable, name in names.items():
            docker("tag", own.session.environment[variable], name)
        try:
            yield own, names
        finally:
            own.command("down")
            docker("rmi", *names.values())


def test_a_new_image_keeps_the_monitors_address_and_reaches_agents_that_are_only_created(
    edited: tuple[TestbedStack, dict[str, str]],
) -> None:
    own, names = edited
    assert own.command("up").returncode == 0, "agents that are not enabled are created"
    address, monitor, agent = own.monitor_url, *map(own.container_id, ("monitor", NOT_ENABLED))
    own.environment.update(names)
    done = own.command("up")
    assert done.returncode == 0, done.stderr
    assert own.container_id("monitor") != monitor
    assert own.monitor_url == address
    assert own.container_id(NOT_ENABLED) != agent
    started = own.command("agents", "start", NOT_ENABLED)
    assert started.returncode == 0, started.stderr
    images = {one.program: (one.image, one.state) for one in own.session.containers.all()}
    assert images[NOT_ENABLED] == (names["TESTBED_AGENT_IMAGE"], "running")


def test_a_taken_port_is_refused_before_anything_is_created() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        with not_started(environment={"TESTBED_MONITOR_PORT": str(port)}) as own:
            done = own.command("up")
            assert done.returncode == 2
            assert f"TESTBED_MONITOR_PORT={port}: the port is taken" in done.stderr
            assert left_behind(own.session.project.name) == []
