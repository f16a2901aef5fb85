"""The scripts that run on a user's host, on machines that have little: each gets a PATH of its own,
with stubs for what would change the machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.project import ROOT

SCRIPTS = [*sorted((ROOT / "setup").glob("*.sh")), ROOT / "images" / "base" / "obtain.sh"]
TOOLS = [
    *("awk", "bash", "cat", "cksum", "dirname", "env", "grep", "head", "id"),
    *("perl", "sed", "sh", "sleep", "sort", "tail", "tr", "uname"),
]
"""What macOS has too; no timeout, no sha256sum, no flock."""
ANSWERS = "28.5.2 buildx=v0.29.1 compose=v2.40.3 "


@dataclass
class Machine:
    """A host with some tools and stubs on its PATH."""

    folder: Path

    @property
    def calls(self) -> list[str]:
        """What the stubs were called with."""
        seen = self.folder / "calls"
        return seen.read_text().splitlines() if seen.exists() else []

    def stub(self, name: str, body: str = "") -> None:
        """Have a command that notes its call and does this."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.folder}/calls"\n{body}\n')
        path.chmod(0o755)

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=ROOT,
            env={"PATH": str(self.folder), "HOME": str(self.folder), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def obtain(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script that obtains the base image."""
        return self.run(ROOT / "images" / "base" / "obtain.sh", **environment)

    def common(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command that the scripts share."""
        return self.run("bash", "-euo", "pipefail", "-c", f". setup/common.sh; {command}")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "bin")
    made.folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found, name
        (made.folder / name).symlink_to(found)
    return made


def docker(*, pull: str = "exit 0", has: str = "") -> str:
    """A docker command whose engine has one image at the most."""
    return f"""
case "$1 $2" in
    "version --format") echo 28.5.2 ;;
    "context show") echo "${{DOCKER_CONTEXT:-default}}" ;;
    "image inspect") case "$*" in *"{has or "none"}"*) exit 0 ;; *) exit 1 ;; esac ;;
    "pull -q") {pull} ;;
    "import --change") cat >/dev/null ;;
    *) exit 9 ;;
esac"""


# --- The limit of time and versions ----------------------------------------------------------


def test_a_limit_of_time_holds_without_the_command_timeout(machine: Machine) -> None:
    ended = machine.common("within 1 sleep 30 || echo code $?")
    assert ended.stdout.strip() == "code 142"


def test_within_its_limit_a_command_ends_as_it_does(machine: Machine) -> None:
    ended = machine.common("within 20 sh -c 'echo done; exit 3' || echo code $?")
    assert ended.stdout.split("\n")[:2] == ["done", "code 3"]


def test_where_nothing_can_limit_the_time_a_command_runs_all_the_same(machine: Machine) -> None:
    (machine.folder / "perl").unlink()
    assert machine.common("within 20 echo done").stdout == "done\n"


@pytest.mark.parametrize(
    ("floor", "found", "enough"),
    [
        ("2.24.0", "v2.40.3-3", True),
        ("2.24.0", "2.24.0", True),
        ("2.24.0", "2.23.9", False),
        ("2.24.0", "2.9.0", False),
        ("2.24.0", "10.0", True),
        ("25.0", "28.5.2+dfsg4", True),
        ("25.0", "24.0.9", False),
        ("2.24.0", "2.08.1", False),
        ("2.24.0", "", False),
        ("2.24.0", "dev", False),
    ],
)
def test_versions_are_compared_as_numbers(
    machine: Machine, floor: str, found: str, enough: bool
) -> None:
    assert (machine.common(f"at_least {floor} '{found}'").returncode == 0) == enough


# --- The base image --------------------------------------------------------------------------


def test_an_image_that_is_there_is_named_and_nothing_is_pulled(machine: Machine) -> None:
    machine.stub("docker", docker(has="testbed/base:trixie"))
    assert machine.obtain().stdout == "testbed/base:trixie\n"
    assert not [call for call in machine.calls if call.startswith("docker pull")]


def test_the_official_image_is_pulled(machine: Machine) -> None:
    machine.stub("docker", docker())
    assert machine.obtain().stdout == "debian:trixie-slim\n"


def test_a_pull_that_fails_says_why_and_what_to_do(machine: Machine) -> None:
    machine.stub("docker", docker(pull="echo 'toomanyrequests: slow down' >&2; exit 1"))
    ended = machine.obtain()
    assert (ended.returncode, ended.stdout) == (5, "")
    assert "toomanyrequests: slow down" in ended.stderr
    assert "TESTBED_BASE_IMAGE" in ended.stderr


def test_where_debian_packages_are_at_hand_the_base_image_is_made_after_a_failed_pull(
    machine: Machine,
) -> None:
    machine.stub("docker", docker(pull="echo 'no route to host' >&2; exit 1"))
    machine.stub("id", "echo 0")
    machine.stub("apt-get", "awk -F= '/^VERSION_CODENAME/ {print $2 \"|mirror|\"}' /etc/os-release")
    machine.stub("mmdebstrap", "echo image")
    ended = machine.obtain()
    if "mmdebstrap" not in " ".join(machine.calls):
        pytest.skip("this host has no codename of a Debian release")
    assert ended.stdout == "testbed/base:trixie\n"
    assert "It cannot be pulled: no route to host" in ended.stderr
    (made,) = [call for call in machine.calls if call.startswith("mmdebstrap")]
    assert "deb mirror trixie main" in made


def test_without_an_engine_its_absence_is_told_and_nothing_is_made(machine: Machine) -> None:
    machine.stub("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    machine.stub("id", "echo 0")
    machine.stub("apt-get")
    ended = machine.obtain()
    assert ended.returncode == 5
    assert "No Docker engine answers: Cannot connect" in ended.stderr
    assert not [call for call in machine.calls if call.startswith("apt-get")]


def test_a_base_image_that_the_user_named_is_not_looked_for(machine: Machine) -> None:
    assert machine.obtain(TESTBED_BASE_IMAGE="mine:1").stdout == "mine:1\n"


# --- The engine ------------------------------------------------------------------------------


def test_an_engine_that_answers_is_no_news(machine: Machine) -> None:
    machine.stub("docker", f"echo '{ANSWERS}'")
    ended = machine.run(ROOT / "setup" / "engine.sh")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("DOCKER_HOST", "unix:///nonexistent", "DOCKER_HOST=unix:///nonexistent"),
        ("DOCKER_CONTEXT", "colima", "context colima"),
    ],
)
def test_an_engine_that_somebody_chose_is_never_installed_or_started(
    machine: Machine, name: str, value: str, shown: str
) -> None:
    show = 'if [ "$1 $2" = "context show" ]; then echo "${DOCKER_CONTEXT:-default}"; exit; fi'
    machine.stub("docker", f"{show}\necho 'cannot reach it' >&2; exit 1")
    machine.stub("id", "echo 0")
    for changing in ("apt-get", "dockerd", "systemctl", "setsid"):
        machine.stub(changing)
    ended = machine.run(ROOT / "setup" / "engine.sh", **{name: value})
    assert ended.returncode == 5
    assert f"({shown}): cannot reach it" in ended.stderr
    assert {call.split()[0] for call in machine.calls} <= {"docker", "id"}


def test_without_a_docker_command_its_absence_is_told(machine: Machine) -> None:
    machine.stub("id", "echo 1000")
    ended = machine.run(ROOT / "setup" / "engine.sh")
    assert ended.returncode == 5
    assert "Missing: the Docker client" in ended.stderr


# --- The virtual environment, the browser ----------------------------------------------------


def test_the_virtual_environment_is_filled_once(machine: Machine, tmp_path: Path) -> None:
    for name in ("setup", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    machine.stub("pip")
    for name in ("python", "pip"):
        (programs / name).symlink_to(machine.folder / "pip")
    for _ in range(2):
        ended = machine.run(tmp_path / "setup" / "venv.sh", "command")
        assert ended.returncode == 0, ended.stderr
    assert len([call for call in machine.calls if "--require-hashes" in call]) == 1


def test_without_a_python_that_is_new_enough_it_is_said_how_to_get_one(
    machine: Machine, tmp_path: Path
) -> None:
    for name in ("setup", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    machine.stub("python3", "exit 1")
    ended = machine.run(tmp_path / "setup" / "venv.sh", "command")
    assert ended.returncode == 5
    assert "Python 3.11" in ended.stderr


def test_a_browser_that_is_named_is_found(machine: Machine) -> None:
    machine.stub("mine")
    found = machine.run(ROOT / "setup" / "browser.sh", "find", TESTBED_CHROMIUM="mine")
    assert Path(found.stdout.strip()) == machine.folder / "mine"


# --- make ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["check", "unit", "format", "lock", "wheel"])
def test_what_needs_no_engine_asks_for_none(target: str) -> None:
    ended = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "engine.sh" not in ended.stdout
    assert "venv.sh dev" in ended.stdout


@pytest.mark.parametrize("target", ["test", "run", "bench", "setup-dev"])
def test_what_needs_an_engine_makes_sure_of_one(target: str) -> None:
    ended = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "engine.sh" in ended.stdout


# --- How they are written --------------------------------------------------------------------

NOT_EVERYWHERE = {
    r"\b(mapfile|readarray)\b": "bash 4",
    r"\b(declare|local|typeset) -[a-z]*A": "bash 4: associative arrays",
    r"\$\{\w+(,,?|\^\^?)": "bash 4: changes of case",
    r"\$\{\w+@\w\}": "bash 4.4",
    r"\bBASHPID\b|\bEPOCHSECONDS\b": "bash 4 and 5",
    r"exec \{\w+\}": "bash 4.1",
    r"&>>|\|&": "bash 4",
    r"\b(sha256sum|md5sum|readlink -f|realpath|tac|nproc)\b": "not on macOS",
    r"\bsort\b.* -V|\bsed\b.* -i |\bgrep\b.* -P": "GNU",
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_keep_to_what_macos_has(script: Path) -> None:
    code = [line for line in script.read_text().splitlines() if not line.lstrip().startswith("#")]
    found = [
        f"{line.strip()} ({why})"
        for line in code
        for pattern, why in NOT_EVERYWHERE.items()
        if re.search(pattern, line)
    ]
    limits = [line for line in code if re.search(r"^[^#]*\btimeout \S", line)]
    if script.name != "common.sh":
        found += limits
    assert found == []


def test_shellcheck_finds_nothing() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    scripts = [
        *(ROOT / "setup").glob("*.sh"),
        *(ROOT / "images").rglob("*.sh"),
        ROOT / ".ci" / "run",
    ]
    ended = subprocess.run(
        [shellcheck, "-x", *scripts], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
