"""What compose.yaml declares is read without an engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swf_common.errors import ConfigurationError
from testbed.engine.declared_services import declared_services
from testbed.project import ROOT, Project
from tests.unit.samples import compose_services

FAKE_DOCKER = """#!/bin/sh
echo "$*" >> "{folder}/calls"
case "$*" in
  *version*) exit {version_code};;
esac
cat "{folder}/said" >&{stream}
exit {code}
"""


def a_docker(
    folder: Path, said: str, *, code: int = 0, version_code: int = 0, stream: int = 1
) -> None:
    """Put a `docker` on the path that says something."""
    (folder / "said").write_text(said)
    script = folder / "docker"
    script.write_text(
        FAKE_DOCKER.format(folder=folder, version_code=version_code, stream=stream, code=code)
    )
    script.chmod(0o755)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("COMPOSE_FILE", raising=False)
    (tmp_path / "compose.yaml").write_text("")
    return Project("torre1", tmp_path)


def test_services_are_read_by_compose_without_variables(project: Project, tmp_path: Path) -> None:
    a_docker(tmp_path, json.dumps({"services": compose_services()}))
    services = declared_services(project)
    assert services is not None
    assert services["example-data-agent"].agent == "data"
    call = (tmp_path / "calls").read_text()
    assert "--no-interpolate" in call
    assert f"--file {tmp_path / 'compose.yaml'}" in call


def test_a_file_that_compose_refuses_is_told(project: Project, tmp_path: Path) -> None:
    a_docker(tmp_path, "yaml: line 3: mapping values are not allowed", code=15, stream=2)
    with pytest.raises(ConfigurationError, match="mapping values are not allowed"):
        declared_services(project)


def test_without_compose_nothing_is_known(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_docker(tmp_path, "docker: 'compose' is not a docker command", code=1, version_code=1)
    assert declared_services(project) is None
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert declared_services(project) is None


def test_compose_yaml_gives_every_agent_its_key() -> None:
    services = declared_services(Project("torre1", ROOT))
    if services is None:
        pytest.skip("there is no docker compose")
    keys = {service.agent for service in services.values() if service.role == "agent"}
    assert keys >= {"data", "processing", "fastmon", "fast_processing", "transformer"}
