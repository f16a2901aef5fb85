"""The command as a wheel installs it, in folders of a user: no checkout is near."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from swf_common.errors import ExitCode
from testbed.engine.image_digests import image_variables, targets
from testbed.project import PACKAGED, ROOT

TESTBED = '[testbed]\nnamespace = "mine"\n[workflow]\nname = "stf_datataking"\n'


def laid_down() -> tuple[str, ...]:
    """What the wheel carries for `testbed init`."""
    spec = importlib.util.spec_from_file_location("wheel", ROOT / "setup" / "wheel.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names: tuple[str, ...] = module.LAID_DOWN
    return names


@dataclass(frozen=True)
class Installed:
    """A command that was installed from a wheel, and the folder where it is called."""

    packages: Path
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "testbed.commands.main", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.packages), "CI": "true"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages as a wheel has them."""
    folder = tmp_path_factory.mktemp("site-packages")
    without = shutil.ignore_patterns("__pycache__")
    for name in ("testbed", "swf_common"):
        shutil.copytree(ROOT / name, folder / name, ignore=without)
    for name in laid_down():
        source, target = ROOT / name, folder / "testbed" / "_project" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=without)
        else:
            shutil.copy(source, target)
    return folder


@pytest.fixture
def installed(packages: Path, tmp_path: Path) -> Installed:
    return Installed(packages, tmp_path)


@pytest.mark.parametrize("command", ["run", "status", "config", "up", "down"])
def test_in_a_folder_without_a_testbed_a_command_says_what_to_do(
    installed: Installed, command: str
) -> None:
    ended = installed.run(command)
    assert ended.returncode == ExitCode.CONFIGURATION
    assert f"{installed.folder} is not a testbed" in ended.stderr
    assert "`testbed init`" in ended.stderr
    assert list(installed.folder.iterdir()) == []


def test_init_makes_a_testbed_of_an_empty_folder(installed: Installed) -> None:
    ended = installed.run("init")
    assert ended.returncode == 0, ended.stderr
    assert f"Laid down in {installed.folder}: .dockerignore, " in ended.stderr
    assert "secrets made" in ended.stderr
    config = installed.run("config")
    assert config.returncode == 0, config.stderr
    again = installed.run("init")
    assert again.returncode == 0
    assert "Laid down" not in again.stderr


def test_init_leaves_what_is_there_as_it_is(installed: Installed) -> None:
    (installed.folder / "testbed.toml").write_text(TESTBED)
    ended = installed.run("init")
    assert "testbed-mine: " in ended.stderr
    assert "stay, though they differ: testbed.toml" in ended.stderr
    assert (installed.folder / "testbed.toml").read_text() == TESTBED


def test_files_of_another_version_are_told(installed: Installed) -> None:
    assert "of version" not in installed.run("init").stderr
    path = installed.folder / "swf_common" / "__init__.py"
    path.write_text('__version__ = "0.0.1"\n')
    ended = installed.run("config")
    assert ended.returncode == 0
    assert f"the files in {installed.folder} are of version 0.0.1" in ended.stderr


def test_what_is_laid_down_makes_the_images_of_the_checkout(installed: Installed) -> None:
    installed.run("init")
    assert image_variables(installed.folder, "base") == image_variables(ROOT, "base")


def test_the_wheel_carries_all_that_an_image_is_built_from() -> None:
    carried = laid_down()
    assert [name for name in carried if not (ROOT / name).exists()] == []
    sources = {source for target in targets(ROOT).values() for source in target.sources}
    assert {
        source
        for source in sources
        if not any(source == name or source.startswith(f"{name}/") for name in carried)
    } == set()


def test_a_checkout_is_a_testbed_wherever_the_command_is_called() -> None:
    assert Path(__file__).resolve().parents[3] == ROOT
    assert not PACKAGED.exists()
