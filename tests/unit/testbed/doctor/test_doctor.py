"""What `testbed doctor` makes of a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swf_common.configuration import Configuration
from swf_common.errors import ConfigurationError, ExitCode
from testbed.doctor.findings import GIB, Facts, Finding, Grade, examine, exit_code, version
from testbed.doctor.machine import gather_facts
from testbed.engine.endpoint import Place
from testbed.stack.secret_files import make_secrets
from tests.unit.testbed.testbed_files import Files

HEALTHY = Facts(
    engine="28.5.2",
    compose="v2.40.3",
    buildx="0.29.1+ds1",
    socket="/var/run/docker.sock",
    socket_problem="",
    disk={"this checkout": 100 * GIB},
    memory=16 * GIB,
    images_missing=(),
    clock_off=0.01,
)


def judged(**changes: Any) -> dict[str, Finding]:
    """What is not all right, by name."""
    found = examine(replace(HEALTHY, **changes))
    return {one.name: one for one in found if one.grade != Grade.OK}


def test_a_healthy_machine_has_nothing_wrong() -> None:
    assert judged() == {}
    assert exit_code(examine(HEALTHY)) == ExitCode.DONE


@pytest.mark.parametrize(
    ("changes", "name", "seen", "advice", "code"),
    [
        ({"engine": None, "engine_problem": "refused"}, "engine", "refused", "setup/engine.sh", 5),
        ({"engine": "24.0.9"}, "engine", "25.0 is needed", "install.md", 5),
        ({"compose": None}, "Compose", "does not know it", "install.md", 5),
        ({"compose": "2.23.3"}, "Compose", "2.24 is needed", "install.md", 5),
        ({"buildx": None}, "Buildx", "does not know it", "install.md", 5),
        ({"socket_problem": "No such file"}, "socket", "No such file", "TESTBED_ENGINE_SOCKET", 5),
        (
            {"files_problem": "permission denied", "file_system": "nfs4", "place": Place.HERE},
            "files",
            "cannot read this checkout (nfs4): permission denied",
            "local disk",
            5,
        ),
        ({"files_problem": "gone", "place": Place.MACHINE}, "files", "gone", "Share this", 5),
        ({"files_problem": "gone", "place": Place.ELSEWHERE}, "files", "gone", "engine's host", 5),
        (
            {"socket_problem": "it belongs to group 991", "socket_group": "991"},
            "socket",
            "group 991",
            "TESTBED_ENGINE_GROUP=991",
            5,
        ),
        ({"disk": {"images": GIB}}, "disk", "1.0 GiB free for images", "docker system df", 1),
        ({"memory": 2 * GIB}, "memory", "2.0 GiB", "few agents", 1),
        ({"clock_off": -3.5}, "clock", "3.5 s behind", "network's time", 1),
        ({"clock_off": 60.0}, "clock", "60.0 s ahead", "network's time", 1),
        ({"port": 80, "port_problem": "taken"}, "port", "80: taken", "TESTBED_MONITOR_PORT", 1),
        ({"secrets_open": True}, "secrets", "open to other users", "testbed init", 1),
        (
            {"configuration_problem": "testbed.toml: [agents.data]"},
            "configuration",
            "[agents.data]",
            "testbed config",
            1,
        ),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do_next(
    changes: dict[str, Any], name: str, seen: str, advice: str, code: int
) -> None:
    ((found, finding),) = judged(**changes).items()
    assert (found, finding.grade) == (name, Grade.WRONG)
    assert seen in finding.seen
    assert advice in finding.advice
    assert exit_code(examine(replace(HEALTHY, **changes))) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"disk": {"images": 5 * GIB}},
        {"memory": 4 * GIB},
        {"secrets_missing": ("mq_agent",)},
        {"images_missing": ("testbed/agent:1",)},
        {"files_doubtful": True, "files_problem": None, "file_system": "nfs4"},
        {"socket_problem": None, "place": Place.MACHINE},
    ],
)
def test_what_the_next_start_mends_or_copes_with_is_not_wrong(changes: dict[str, Any]) -> None:
    (finding,) = judged(**changes).values()
    assert finding.grade == Grade.NOTE
    assert finding.advice
    assert exit_code(examine(replace(HEALTHY, **changes))) == ExitCode.DONE


def test_a_backend_that_cannot_run_decides_the_exit_code() -> None:
    ill = replace(HEALTHY, clock_off=9.0, compose=None, secrets_open=True)
    assert exit_code(examine(ill)) == ExitCode.BACKEND


def test_the_engine_is_told_with_its_address_and_its_place() -> None:
    at = "unix:///home/j/.colima/default/docker.sock (DOCKER_HOST)"
    facts = replace(HEALTHY, engine_at=at, place=Place.MACHINE)
    (finding,) = [one for one in examine(facts) if one.name == "engine"]
    assert finding.seen == f"28.5.2 at {at}, in a virtual machine of this host"


def test_what_could_not_be_found_out_is_not_judged() -> None:
    unknown = Facts(engine="28.0", compose="2.40.3", buildx="0.29")
    assert [one.name for one in examine(unknown) if one.grade != Grade.OK] == []


@given(st.lists(st.integers(0, 999), min_size=1, max_size=4), st.sampled_from(["", "-3", "+ds1"]))
def test_a_version_is_its_leading_numbers(numbers: list[int], suffix: str) -> None:
    assert version("v" + ".".join(map(str, numbers)) + suffix) == tuple(numbers)


def test_a_machine_without_engine_and_configuration_is_still_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("TESTBED_MONITOR_PORT", "99999")

    def broken() -> Configuration:
        raise ConfigurationError(place="testbed.toml", problem="not valid TOML")

    facts = gather_facts(tmp_path, broken)
    assert facts.engine is None
    assert facts.engine_problem
    assert "not valid TOML" in facts.configuration_problem
    assert "not a port" in facts.port_problem
    assert facts.disk["this checkout"] > 0


def test_secrets_are_looked_for_in_the_testbeds_own_folder(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    root, configuration = files.folder, files.resolve()
    assert "mq_agent" in gather_facts(root, lambda: configuration).secrets_missing
    secrets = root / ".testbed" / configuration.namespace / "secrets"
    make_secrets(secrets)
    facts = gather_facts(root, lambda: configuration)
    assert (facts.secrets_missing, facts.secrets_open) == ((), False)
    secrets.chmod(0o755)
    assert gather_facts(root, lambda: configuration).secrets_open
