"""An image's tag changes when anything that it is built from changes, and only then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.engine.image_digests import context_files, digest, image_variables
from testbed.project import ROOT

DOCKERFILE = Path("images/agent/Dockerfile")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one image, built from one folder and one file."""
    for name, text in {
        "images/agent/Dockerfile": "FROM base\n",
        "images/agent/Dockerfile.dockerignore": "*\n!agents\n!requirements/agent.txt\n",
        "agents/__init__.py": "",
        "agents/runtime/agent.py": "print()\n",
        "agents/__pycache__/agent.pyc": "compiled",
        "requirements/agent.txt": "simpy==4\n",
        "requirements/monitor.txt": "django==5\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_files_of_a_build_are_those_of_its_allow_list(root: Path) -> None:
    found = {str(path.relative_to(root)) for path in context_files(root, DOCKERFILE)}
    assert found == {
        "images/agent/Dockerfile",
        "agents/__init__.py",
        "agents/runtime/agent.py",
        "requirements/agent.txt",
    }


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file": lambda root: (root / "agents/runtime/agent.py").write_text("print(1)\n"),
    "a new file": lambda root: (root / "agents/new.py").write_text(""),
    "a file less": lambda root: (root / "agents/__init__.py").unlink(),
    "a file's name": lambda root: (root / "agents/__init__.py").rename(root / "agents/other.py"),
    "the right to execute": lambda root: (root / "requirements/agent.txt").chmod(0o755),
    "the Dockerfile": lambda root: (root / DOCKERFILE).write_text("FROM other\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_is_built_changes_the_digest(root: Path, change: str) -> None:
    before = digest(root, DOCKERFILE, "base")
    CHANGES[change](root)
    assert digest(root, DOCKERFILE, "base") != before


HARMLESS: dict[str, Callable[[Path], object]] = {
    "compiled code": lambda root: (root / "agents/__pycache__/agent.pyc").write_text("newer"),
    "another image's file": lambda root: (root / "requirements/monitor.txt").write_text("x"),
    "a time stamp": lambda root: (root / "agents/__init__.py").touch(),
    "who may write": lambda root: (root / "agents/__init__.py").chmod(0o664),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_a_build_does_not_see_leaves_the_digest(root: Path, change: str) -> None:
    before = digest(root, DOCKERFILE, "base")
    HARMLESS[change](root)
    assert digest(root, DOCKERFILE, "base") == before


def test_another_base_image_is_another_digest(root: Path) -> None:
    assert digest(root, DOCKERFILE, "base") != digest(root, DOCKERFILE, "other")


def test_the_digest_does_not_depend_on_where_the_repository_is(root: Path) -> None:
    before = digest(root, DOCKERFILE, "base")
    moved = root.rename(root.with_name("elsewhere"))
    assert digest(moved, DOCKERFILE, "base") == before


def test_each_image_has_its_variable(root: Path) -> None:
    assert image_variables(root, "base") == {
        "TESTBED_AGENT_IMAGE": f"testbed/agent:{digest(root, DOCKERFILE, 'base')}"
    }


def test_every_file_on_an_allow_list_of_the_repository_exists() -> None:
    for dockerfile in ROOT.glob("images/*/Dockerfile"):
        missing = [
            str(path)
            for path in context_files(ROOT, dockerfile.relative_to(ROOT))
            if not path.exists()
        ]
        assert missing == []


def test_every_image_of_the_repository_has_a_variable_in_compose() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    assert [name for name in image_variables(ROOT, "base") if f"${{{name}:-" not in compose] == []
