"""Whether the engine can read files of this host, and the supervisor use the socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.engine.endpoint import Engine, Place
from testbed.engine.reach import FilesOutOfReach, Probe, check_files, doubtful, file_system
from testbed.testing import FakeContainers

MOUNTS = r"""
rootfs / ext4 rw 0 0
server:/home /home nfs4 rw,sec=sys 0 0
server:/home/a\040b /home/a\040b nfs rw 0 0
/dev/sdb /home/jane/disk xfs rw 0 0
tmpfs /run tmpfs rw 0 0
/dev/sdc /run ext4 rw 0 0
""".lstrip()
HERE = Engine("unix:///var/run/docker.sock", "the usual socket")
FAR = Engine("ssh://far", "DOCKER_HOST")
SOCKET = Path("/var/run/docker.sock")


@pytest.fixture
def containers() -> FakeContainers:
    made = FakeContainers()
    made.images.add("testbed/agent:1")
    return made


@pytest.fixture
def probe(containers: FakeContainers) -> Probe:
    return Probe(containers, ["testbed/supervisor:1", "testbed/agent:1"])


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/opt/testbed", "ext4"),
        ("/home/jane/testbed", "nfs4"),
        ("/home", "nfs4"),
        ("/homes/jane", "ext4"),
        ("/home/a b/testbed", "nfs"),
        ("/home/jane/disk/testbed", "xfs"),
        ("/run/testbed", "ext4"),
    ],
)
def test_the_file_system_of_a_folder_is_that_of_the_deepest_mount(folder: str, kind: str) -> None:
    assert file_system(Path(folder), MOUNTS) == kind


def test_where_mounts_are_not_told_the_file_system_is_not_known() -> None:
    assert file_system(Path("/home/jane"), "") == ""


@pytest.mark.parametrize(
    ("engine", "kind", "doubt"),
    [
        (HERE, "ext4", False),
        (HERE, "", False),
        (HERE, "nfs4", True),
        (HERE, "fuse.sshfs", True),
        (FAR, "ext4", True),
    ],
)
def test_it_is_in_doubt_on_network_file_systems_and_with_engines_elsewhere(
    engine: Engine, kind: str, doubt: bool
) -> None:
    assert doubtful(engine, kind) == doubt


def test_an_engine_that_reads_what_is_written_here_can_read_secrets(
    probe: Probe, tmp_path: Path
) -> None:
    assert probe.files(tmp_path / "new") == ""
    assert list((tmp_path / "new").iterdir()) == []


def test_a_file_that_cannot_be_mounted_is_told_in_the_engines_words(
    probe: Probe, containers: FakeContainers, tmp_path: Path
) -> None:
    containers.refused[str(tmp_path)] = "stat: permission denied"
    assert probe.files(tmp_path) == "stat: permission denied"
    assert list(tmp_path.iterdir()) == []


def test_without_any_image_nothing_is_known(tmp_path: Path) -> None:
    nothing = Probe(FakeContainers(), ["testbed/agent:1"])
    assert nothing.files(tmp_path) is None
    assert nothing.socket(SOCKET, "0") is None


def test_the_check_before_a_start_says_who_cannot_read_what_and_what_to_do(
    probe: Probe,
    containers: FakeContainers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    containers.refused[str(tmp_path)] = "stat: permission denied"
    monkeypatch.setattr("testbed.engine.reach.MOUNTS", tmp_path / "mounts")
    (tmp_path / "mounts").write_text("server:/ / nfs4 rw 0 0\n")
    with pytest.raises(FilesOutOfReach, match=r"\(nfs4\): stat: permission denied") as caught:
        check_files(HERE, probe, tmp_path)
    assert "rootless" in caught.value.hint
    (tmp_path / "mounts").write_text("/dev/sda / ext4 rw 0 0\n")
    check_files(HERE, probe, tmp_path)


def test_a_socket_of_another_group_is_told_with_that_group(
    probe: Probe, containers: FakeContainers
) -> None:
    containers.mounted[str(SOCKET)] = (1, "991\n")
    problem, group = probe.socket(SOCKET, "0") or ("", "")
    assert "group 991" in problem
    assert group == "991"


def test_the_group_of_a_socket_is_found_out(probe: Probe, containers: FakeContainers) -> None:
    containers.mounted[str(SOCKET)] = (1, "991\n")
    containers.groups[str(SOCKET)] = "991"
    assert probe.usable_socket(SOCKET, "0") == ("", "991")


@pytest.mark.parametrize(("code", "said"), [(1, "0\n"), (1, ""), (1, "stat: no such file")])
def test_a_socket_that_no_group_helps_with_is_a_problem(
    probe: Probe, containers: FakeContainers, code: int, said: str
) -> None:
    containers.mounted[str(SOCKET)] = (code, said)
    problem, group = probe.usable_socket(SOCKET, "0") or ("", "?")
    assert problem
    assert group == ""


def test_a_socket_that_cannot_be_mounted_is_told(probe: Probe, containers: FakeContainers) -> None:
    containers.refused[str(SOCKET)] = "operation not supported"
    assert probe.usable_socket(SOCKET, "0") == ("operation not supported", "")


def test_places_say_where_an_engine_is() -> None:
    assert (HERE.place, FAR.place) == (Place.HERE, Place.ELSEWHERE)
