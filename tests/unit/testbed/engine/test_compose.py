"""What Compose is given, and what it answers: its own rules, seen from the project's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from swf_common.errors import ConfigurationError
from testbed.engine.compose import (
    ComposeFailed,
    PythonOnWhalesCompose,
    _last_lines,
    compose_files,
)
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


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` on the path; a test writes what it does."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    script = tmp_path / "bin" / "docker"
    script.parent.mkdir()
    script.touch(0o755)
    return script


def test_compose_is_asked_for_every_profile_with_the_variables_of_the_testbed(
    project: Project, docker: Path
) -> None:
    docker.write_text('#!/bin/sh\nprintf \'{"name": "%s", "services": {"%s": {}}}\' "$*" "$KEY"\n')
    config = PythonOnWhalesCompose(project, {"KEY": "monitor"}).config()
    assert config["services"] == {"monitor": {}}
    for words in ("--profile *", f"--project-name {project.name}", f"--file {project.root}/comp"):
        assert words in config["name"]


def test_each_service_has_its_digest(project: Project, docker: Path) -> None:
    docker.write_text("#!/bin/sh\nprintf 'monitor 0a1b\\nactivemq 2c3d\\n'\n")
    hashes = PythonOnWhalesCompose(project, {}).hashes()
    assert hashes == {"monitor": "0a1b", "activemq": "2c3d"}


def test_the_reason_why_compose_refuses_a_file_is_in_the_error(
    project: Project, docker: Path
) -> None:
    docker.write_text("#!/bin/sh\necho 'services.monitor.prots is not allowed' >&2; exit 15\n")
    with pytest.raises(ConfigurationError, match="prots is not allowed"):
        PythonOnWhalesCompose(project, {}).config()


def test_a_missing_docker_command_is_reported(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project.root / "empty"))
    with pytest.raises(ComposeFailed, match="docker"):
        PythonOnWhalesCompose(project, {}).config()
