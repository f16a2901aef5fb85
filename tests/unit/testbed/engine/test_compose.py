"""Which files Compose is given: its own rules, seen from the project's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.engine.compose import _last_lines, compose_files
from testbed.project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("COMPOSE_FILE", raising=False)
    monkeypatch.delenv("COMPOSE_PATH_SEPARATOR", raising=False)
    (tmp_path / "compose.yaml").write_text("")
    return Project("torre1", tmp_path)


def test_the_projects_file_is_taken(project: Project) -> None:
    assert compose_files(project) == [project.root / "compose.yaml"]


def test_an_override_file_beside_it_is_taken_too(project: Project) -> None:
    (project.root / "compose.override.yaml").write_text("")
    assert compose_files(project) == [
        project.root / "compose.yaml",
        project.root / "compose.override.yaml",
    ]


@pytest.mark.parametrize(
    ("separator", "text"), [(None, "compose.yaml:mine.yaml"), ("|", "compose.yaml|mine.yaml")]
)
def test_files_that_the_user_names_take_their_place(
    project: Project, monkeypatch: pytest.MonkeyPatch, separator: str | None, text: str
) -> None:
    monkeypatch.setenv("COMPOSE_FILE", text)
    if separator:
        monkeypatch.setenv("COMPOSE_PATH_SEPARATOR", separator)
    assert compose_files(project) == [
        project.root / "compose.yaml",
        project.root / "mine.yaml",
    ]


def test_of_a_long_output_the_end_is_shown() -> None:
    assert _last_lines("\n".join(str(number) for number in range(30)), 3) == "27\n28\n29"
    assert _last_lines("  one  \n") == "one"
