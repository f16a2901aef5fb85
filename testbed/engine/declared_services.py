"""The services that compose.yaml declares, read without an engine and without variables.

Compose itself reads them, so that override files, COMPOSE_FILE and YAML tags count as they do for
`testbed up`; it needs no engine for that.
"""

from __future__ import annotations

import json
import subprocess

from swf_common.errors import ConfigurationError
from testbed.engine.compose import compose_files
from testbed.engine.services import Service, read_services
from testbed.project import Project

COMPOSE_TIMEOUT_S = 30.0


def declared_services(project: Project) -> dict[str, Service] | None:
    """The services of a project; their images are as they are written, with their variables.

    :return: None where there is no `docker compose` to ask
    :raises ConfigurationError: compose.yaml or a file beside it is not valid
    """
    files = [word for file in compose_files(project) for word in ("--file", str(file))]
    profiles = ("--profile", "*", "--project-name", project.name)
    config = _compose(*files, *profiles, "config", "--no-interpolate", "--format", "json")
    if config is not None and config.returncode == 0:
        return read_services(json.loads(config.stdout))
    version = config and _compose("version")
    if config is None or version is None or version.returncode:
        return None
    raise ConfigurationError(place="compose.yaml", problem=config.stderr.strip())


def _compose(*arguments: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            ["docker", "compose", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=COMPOSE_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
