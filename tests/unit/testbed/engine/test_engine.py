"""Which engine is used, by the rules of the docker command, and what that means for its socket."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from testbed.engine.containers import EngineUnavailable
from testbed.engine.docker_containers import connect
from testbed.engine.endpoint import USUAL_SOCKET, NoSuchContext, Place, find_engine

ROOTLESS = "unix:///run/user/1000/docker.sock"
COLIMA = "unix:///home/jane/.colima/default/docker.sock"


class Home:
    """A home with Docker contexts."""

    def __init__(self, folder: Path) -> None:
        self.docker = folder / ".docker"
        self.docker.mkdir()
        self.environment = {"HOME": str(folder)}

    def context(self, name: str, host: str, **endpoint: Any) -> Path:
        """Make a context; the folder for its certificates."""
        digest = hashlib.sha256(name.encode()).hexdigest()
        meta = self.docker / "contexts" / "meta" / digest / "meta.json"
        meta.parent.mkdir(parents=True)
        content = {"Name": name, "Endpoints": {"docker": {"Host": host, **endpoint}}}
        meta.write_text(json.dumps(content))
        return self.docker / "contexts" / "tls" / digest / "docker"

    def use(self, name: str) -> None:
        """What `docker context use` does."""
        (self.docker / "config.json").write_text(json.dumps({"currentContext": name}))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.context("rootless", ROOTLESS)
    made.context("colima", COLIMA)
    return made


def test_without_any_choice_it_is_the_one_at_the_usual_socket(home: Home) -> None:
    assert find_engine(home.environment).host == f"unix://{USUAL_SOCKET}"
    assert find_engine({}).host == f"unix://{USUAL_SOCKET}"


def test_the_context_that_is_in_use_is_taken(home: Home) -> None:
    home.use("rootless")
    assert find_engine(home.environment).host == ROOTLESS
    assert "rootless" in str(find_engine(home.environment))


def test_docker_context_wins_over_the_context_in_use(home: Home) -> None:
    home.use("rootless")
    assert find_engine({**home.environment, "DOCKER_CONTEXT": "colima"}).host == COLIMA
    usual = find_engine({**home.environment, "DOCKER_CONTEXT": "default"})
    assert usual.host == f"unix://{USUAL_SOCKET}"


def test_docker_host_wins_over_every_context(home: Home) -> None:
    home.use("rootless")
    chosen = {"DOCKER_HOST": "ssh://jane@far", "DOCKER_CONTEXT": "colima"}
    engine = find_engine({**home.environment, **chosen})
    assert (engine.host, engine.source) == ("ssh://jane@far", "DOCKER_HOST")


def test_the_docker_commands_folder_may_be_elsewhere(home: Home, tmp_path: Path) -> None:
    home.use("rootless")
    moved = home.docker.rename(tmp_path / "moved")
    environment = {**home.environment, "DOCKER_CONFIG": str(moved)}
    assert find_engine(environment).host == ROOTLESS


def test_a_context_that_does_not_exist_is_refused_with_those_that_do(home: Home) -> None:
    home.use("rootles")
    with pytest.raises(NoSuchContext, match="default, colima, rootless") as caught:
        find_engine(home.environment)
    assert "docker context use" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"auths": {}}'])
def test_a_config_file_that_chooses_nothing_leaves_the_usual_socket(home: Home, text: str) -> None:
    (home.docker / "config.json").write_text(text)
    assert find_engine(home.environment).host == f"unix://{USUAL_SOCKET}"


def test_the_certificates_of_a_context_are_used(home: Home) -> None:
    tls = home.context("far", "tcp://far:2376", SkipTLSVerify=False)
    tls.mkdir(parents=True)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tls / name).write_text("")
    home.use("far")
    used = find_engine(home.environment).connection()["tls"]
    assert used.ca_cert == str(tls / "ca.pem")
    assert used.cert == (str(tls / "cert.pem"), str(tls / "key.pem"))
    assert used.verify


def test_docker_host_takes_its_certificates_from_docker_cert_path(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    chosen = {"DOCKER_HOST": "tcp://far:2376", "DOCKER_CERT_PATH": str(tmp_path)}
    assert find_engine(chosen).connection()["tls"] is False
    used = find_engine({**chosen, "DOCKER_TLS_VERIFY": "1"}).connection()["tls"]
    assert used.ca_cert == str(tmp_path / "ca.pem")


@pytest.mark.parametrize("skips", [False, True])
def test_programs_without_contexts_get_the_same_engine_by_docker_host(
    home: Home, skips: bool
) -> None:
    home.context("far", "tcp://far:2376", SkipTLSVerify=skips).mkdir(parents=True)
    chosen = find_engine({**home.environment, "DOCKER_CONTEXT": "far"})
    again = find_engine({**home.environment, **chosen.variables()})
    assert (again.host, again.tls, again.verify) == (chosen.host, chosen.tls, chosen.verify)
    plain = find_engine({**home.environment, "DOCKER_CONTEXT": "rootless"})
    assert plain.variables() == {"DOCKER_HOST": ROOTLESS}


@pytest.mark.parametrize(
    ("platform", "host", "place", "bound"),
    [
        ("linux", f"unix://{USUAL_SOCKET}", Place.HERE, USUAL_SOCKET),
        ("linux", ROOTLESS, Place.HERE, "/run/user/1000/docker.sock"),
        ("linux", COLIMA, Place.MACHINE, USUAL_SOCKET),
        ("linux", "unix:///home/j/.docker/desktop/docker.sock", Place.MACHINE, USUAL_SOCKET),
        ("linux", "unix:///h/j/.config/colima/default/docker.sock", Place.MACHINE, USUAL_SOCKET),
        ("darwin", "unix:///Users/j/.docker/run/docker.sock", Place.MACHINE, USUAL_SOCKET),
        ("darwin", f"unix://{USUAL_SOCKET}", Place.MACHINE, USUAL_SOCKET),
        ("linux", "tcp://far:2376", Place.ELSEWHERE, USUAL_SOCKET),
        ("linux", "ssh://jane@far", Place.ELSEWHERE, USUAL_SOCKET),
    ],
)
def test_containers_get_the_socket_of_the_place_where_the_engine_runs(
    monkeypatch: pytest.MonkeyPatch, platform: str, host: str, place: Place, bound: str
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    engine = find_engine({"DOCKER_HOST": host})
    assert (engine.place, str(engine.bound_socket)) == (place, bound)


def test_an_engine_that_does_not_answer_is_named_with_what_chose_it(
    monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("HOME", home.environment["HOME"])
    home.context("gone", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(
        EngineUnavailable, match=r"tcp://127.0.0.1:1 \(the context gone, DOCKER_CONTEXT\): Conn"
    ):
        connect()


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker command")
@pytest.mark.parametrize("chosen", [{}, {"DOCKER_CONTEXT": "colima"}, {"DOCKER_HOST": ROOTLESS}])
def test_the_docker_command_finds_the_same(home: Home, chosen: dict[str, str]) -> None:
    home.use("rootless")
    environment = {**home.environment, **chosen}
    said = subprocess.run(
        ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert said.stdout.strip() == find_engine(environment).host
