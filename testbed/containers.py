"""Observing the project's containers through the docker SDK."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from testbed.errors import BackendError
from testbed.gate import Container

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
ROLE_LABEL = "org.epic.testbed.role"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
NEVER = "0001-01-01T00:00:00Z"


class NoEngine(BackendError):
    """No Docker engine answers: {cause}"""

    hint = "On Debian as root, `make engine` installs and starts one; else see docs/install.md."


@dataclass(frozen=True)
class Evidence:
    """What a container can tell of its failure."""

    last_probe: str
    log_lines: tuple[str, ...]


class Containers(Protocol):
    """What the command asks of the engine about one project's containers."""

    def all(self) -> list[Container]:
        """Every container of the project, whatever its state."""

    def evidence(self, container_id: str, lines: int = 10) -> Evidence:
        """Last health-probe output and log lines of a container."""

    def published_port(self, service: str, port: int) -> tuple[str, int] | None:
        """Host address and port through which a service's port is reached."""

    def start(self, container_id: str) -> None:
        """Start a stopped container."""

    def stop(self, container_id: str) -> None:
        """Stop a container gracefully, within the grace period that it was made with."""

    def execute(self, container_id: str, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in a running container; its exit code and output."""

    def image_exists(self, name: str) -> bool:
        """Whether the engine has an image."""

    def folders(self) -> set[str]:
        """The folders from which the project's containers were created."""


class DockerContainers:
    """The engine that the docker command line uses too: its context, or DOCKER_HOST."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._client = connect()

    def all(self) -> list[Container]:
        with _engine_errors():
            return self._all()

    def _all(self) -> list[Container]:
        found = []
        for summary in self._list():
            details = self._inspect(summary["Id"])
            if details is not None:
                found.append(read_container(details))
        return found

    def evidence(self, container_id: str, lines: int = 10) -> Evidence:
        with _engine_errors():
            return self._evidence(container_id, lines)

    def _evidence(self, container_id: str, lines: int) -> Evidence:
        from docker.errors import APIError

        details = self._inspect(container_id)
        if details is None:
            return Evidence("", ())
        probes = (details["State"].get("Health") or {}).get("Log") or []
        output = probes[-1]["Output"].strip() if probes else ""
        try:
            raw: bytes = self._client.api.logs(container_id, tail=lines)
        except APIError as error:  # it is being removed
            return Evidence(output, (f"(no log: {error.explanation})",))
        return Evidence(output, tuple(raw.decode(errors="replace").splitlines()))

    def published_port(self, service: str, port: int) -> tuple[str, int] | None:
        for summary in self._list(f"{SERVICE_LABEL}={service}"):
            for binding in summary.get("Ports", []):
                if binding.get("PrivatePort") == port and binding.get("PublicPort"):
                    return binding["IP"], int(binding["PublicPort"])
        return None

    def start(self, container_id: str) -> None:
        with _engine_errors():
            self._client.api.start(container_id)

    def stop(self, container_id: str) -> None:
        with _engine_errors():
            self._client.api.stop(container_id)

    def execute(self, container_id: str, command: Sequence[str]) -> tuple[int, str]:
        with _engine_errors():
            created = self._client.api.exec_create(container_id, list(command))
            output: bytes = self._client.api.exec_start(created["Id"])
            code = self._client.api.exec_inspect(created["Id"])["ExitCode"]
        return int(code), output.decode(errors="replace")

    def image_exists(self, name: str) -> bool:
        from docker.errors import ImageNotFound

        try:
            self._client.images.get(name)
        except ImageNotFound:
            return False
        return True

    def folders(self) -> set[str]:
        return {
            summary["Labels"][FOLDER_LABEL]
            for summary in self._list()
            if FOLDER_LABEL in summary["Labels"]
        }

    def _list(self, *labels: str) -> Iterable[Any]:
        wanted = [f"{PROJECT_LABEL}={self._project}", f"{ONE_OFF_LABEL}=False", *labels]
        return list(self._client.api.containers(all=True, filters={"label": wanted}))

    def _inspect(self, container_id: str) -> Any:
        from docker.errors import NotFound

        try:
            return self._client.api.inspect_container(container_id)
        except NotFound:
            return None


def connect() -> Any:
    """A connection to the engine that the docker command line uses too.

    :raises NoEngine: none answers
    """
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=30)
        client.ping()
    except DockerException as error:
        raise NoEngine(cause=str(error)) from error
    return client


def inspect_labelled(label: str) -> list[Mapping[str, Any]]:
    """Every container of the engine with a label, as `inspect` tells it.

    :raises NoEngine: no engine answers
    """
    from docker.errors import NotFound

    client = connect()
    found = []
    with _engine_errors():
        for summary in client.api.containers(all=True, filters={"label": label}):
            with suppress(NotFound):  # it is being removed
                found.append(client.api.inspect_container(summary["Id"]))
    return found


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Errors of the engine as one of ours."""
    from docker.errors import DockerException
    from requests import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise NoEngine(cause=str(error)) from error


def read_container(details: Any) -> Container:
    """A container from what `inspect` says."""
    state = details["State"]
    started = state.get("StartedAt") or NEVER
    return Container(
        program=details["Config"]["Labels"][SERVICE_LABEL],
        container_id=details["Id"],
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status"),
        started_at=None if started == NEVER else read_time(started),
        restart_count=details.get("RestartCount", 0),
        exit_code=state.get("ExitCode", 0),
        image=details["Config"]["Image"],
        role=details["Config"]["Labels"].get(ROLE_LABEL, ""),
    )


def read_time(text: str) -> datetime:
    """A time stamp of the engine (nanoseconds, Z), cut to microseconds.

    >>> read_time("2026-11-23T10:00:00.123456789Z").isoformat()
    '2026-11-23T10:00:00.123456+00:00'
    """
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6]:0<6}+00:00")
