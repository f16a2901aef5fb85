"""Which socket the supervisor is given, and which group may use it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.engine.daemon_socket import socket_variables
from testbed.engine.endpoint import USUAL_SOCKET


@pytest.fixture
def own_socket(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        yield path


@pytest.mark.parametrize("host", ["", "tcp://elsewhere:2375", "ssh://elsewhere"])
def test_the_usual_socket_is_taken_unless_another_one_is_in_use(host: str) -> None:
    assert socket_variables({"DOCKER_HOST": host})["TESTBED_ENGINE_SOCKET"] == USUAL_SOCKET


def test_the_socket_in_use_is_taken_with_its_group(own_socket: Path) -> None:
    found = own_socket.stat()
    if found.st_uid == 0:
        os.chown(own_socket, 0, 4711)
    group = "4711" if found.st_uid == 0 else "0"
    assert socket_variables({"DOCKER_HOST": f"unix://{own_socket}"}) == {
        "TESTBED_ENGINE_SOCKET": str(own_socket),
        "TESTBED_ENGINE_GROUP": group,
    }


def test_a_socket_of_a_user_is_roots_within_containers(
    own_socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = list(own_socket.stat())
    fields[4:6] = [1000, 1000]  # owner and group
    monkeypatch.setattr(Path, "stat", lambda _: os.stat_result(fields))
    rootless = socket_variables({"DOCKER_HOST": f"unix://{own_socket}"})
    assert rootless["TESTBED_ENGINE_GROUP"] == "0"


def test_the_group_of_a_socket_that_is_not_here_is_roots(tmp_path: Path) -> None:
    away = socket_variables({"TESTBED_ENGINE_SOCKET": str(tmp_path / "none.sock")})
    assert away["TESTBED_ENGINE_GROUP"] == "0"


def test_what_the_user_says_is_taken() -> None:
    said = {"TESTBED_ENGINE_SOCKET": "/elsewhere.sock", "TESTBED_ENGINE_GROUP": "998"}
    assert socket_variables({"DOCKER_HOST": "unix:///other.sock", **said}) == said


@pytest.mark.parametrize("host", ["ssh://far", "unix:///home/j/.colima/default/docker.sock"])
def test_a_group_that_a_container_found_out_is_kept_for_an_engine_out_of_sight(host: str) -> None:
    found = socket_variables({"DOCKER_HOST": host}, written="991")
    assert found == {"TESTBED_ENGINE_SOCKET": USUAL_SOCKET, "TESTBED_ENGINE_GROUP": "991"}


def test_for_a_socket_in_sight_what_was_written_does_not_count(own_socket: Path) -> None:
    found = socket_variables({"DOCKER_HOST": f"unix://{own_socket}"}, written="4712")
    assert found["TESTBED_ENGINE_GROUP"] != "4712"
