"""The monitor's port: chosen before anything starts, kept over recreation, the user's first."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from swf_common.errors import ConfigurationError, ExitCode
from testbed.project import Project
from testbed.stack.monitor_port import CANDIDATES, CHOSEN, KEPT, is_bound, remembered, settle
from testbed.stack.session import MONITOR_PORT, MONITOR_SERVICE
from tests.unit.testbed.stack.test_session import Bed
from tests.unit.testbed.testbed_files import Files


def nobody(_: int) -> str | None:
    return None


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (CHOSEN, "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project("torre1", tmp_path)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which a program of this host listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_port_is_chosen_once_and_kept(project: Project) -> None:
    first = settle(project, nobody, None)
    assert first in CANDIDATES
    assert settle(project, nobody, None) == first
    assert settle(project, nobody, ("127.0.0.1", first)) == first
    assert remembered(project.folder) == first


def test_a_monitor_that_runs_keeps_the_port_that_it_has(project: Project) -> None:
    assert settle(project, lambda _: "its own", ("127.0.0.1", 49153)) == 49153
    assert remembered(project.folder) == 49153


def test_a_kept_port_that_is_taken_meanwhile_is_given_up_with_a_note(
    project: Project, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(project, nobody, ("127.0.0.1", taken))
    assert settle(project, nobody, None) not in (0, taken)
    assert f"Port {taken}, which the monitor had, is taken by a program" in capsys.readouterr().err


def test_namespaces_of_a_checkout_keep_different_ports(project: Project) -> None:
    others = [Project(f"torre{number}", project.root) for number in range(20)]
    assert len({settle(other, nobody, None) for other in others}) == 20


def test_a_port_that_a_container_publishes_is_not_chosen(project: Project) -> None:
    seen: list[int] = []

    def first_is_taken(port: int) -> str | None:
        seen.append(port)
        return "a-container" if len(seen) == 1 else None

    assert settle(project, first_is_taken, None) == seen[-1] != seen[0]


def test_the_users_port_wins_and_is_kept_when_it_is_not_named_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(project, nobody, None)
    monkeypatch.setenv(CHOSEN, "20123")
    assert settle(project, nobody, None) == 20123
    monkeypatch.delenv(CHOSEN)
    assert settle(project, nobody, None) == 20123


def test_a_users_port_that_a_program_has_is_refused_with_what_to_do(
    project: Project, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHOSEN, str(taken))
    with pytest.raises(ConfigurationError) as caught:
        settle(project, nobody, None)
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert f"the environment: {CHOSEN}={taken}: the port is taken" in str(caught.value)
    assert "a program of this host" in str(caught.value)
    assert "Nothing was started" in caught.value.hint
    assert remembered(project.folder) == 0


def test_a_port_of_the_env_file_that_a_container_has_is_refused_by_its_name(
    project: Project,
) -> None:
    (project.root / ".env").write_text(f'TESTBED_USER=jane\n{CHOSEN}="20124"\n')
    with pytest.raises(ConfigurationError, match=r"\.env: .*by the container testbed-b-monitor-1"):
        settle(project, lambda _: "testbed-b-monitor-1", None)
    settle(project, lambda _: "its own", ("127.0.0.1", 20124))


@pytest.mark.parametrize("text", ["many", "65536", "-1"])
def test_what_is_no_port_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(CHOSEN, text)
    with pytest.raises(ConfigurationError, match="not a port"):
        settle(project, nobody, None)


def test_a_user_who_wants_any_port_leaves_it_to_the_engine(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHOSEN, "0")
    assert settle(project, nobody, None) == 0


def test_ports_of_an_engine_elsewhere_are_not_looked_for_here(
    project: Project, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://far-away")
    assert settle(project, nobody, None) == 0
    monkeypatch.setenv(CHOSEN, str(taken))
    assert settle(project, nobody, None) == taken


def test_a_port_is_bound_while_something_listens(taken: int) -> None:
    assert is_bound(taken)


@pytest.fixture
def bed(files: Files, monkeypatch: pytest.MonkeyPatch) -> Bed:
    monkeypatch.setenv("TESTBED_BASE_IMAGE", "base:1")
    return Bed(files.folder, files.resolve())


def test_a_session_prepares_with_the_port_that_it_starts_with(bed: Bed) -> None:
    assert bed.environment[KEPT] == "0"
    bed.prepare()
    port = bed.environment[KEPT]
    assert int(port) in CANDIDATES
    assert f"{KEPT}={port}\n" in (bed.project.root / ".env").read_text()


def test_a_taken_port_is_found_before_anything_is_started(
    bed: Bed, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHOSEN, str(taken))
    with pytest.raises(ConfigurationError, match="is taken"):
        bed.prepare()
    assert bed.compose.calls == []
    bed.containers.add(MONITOR_SERVICE)
    bed.containers.ports[MONITOR_SERVICE, MONITOR_PORT] = ("127.0.0.1", taken)
    bed.prepare()
