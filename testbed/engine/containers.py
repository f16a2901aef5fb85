"""Observing the project's containers through the docker SDK."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from swf_common.errors import BackendError
from testbed.engine.endpoint import find_engine
from testbed.engine.inspection import SERVICE_LABEL as SERVICE_LABEL
from testbed.engine.inspection import Container, LifeEvent, read_container, read_event, read_time

PROJECT_LABEL = "com.docker.compose.project"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
PROBE_USER = 10001
"""The user of agents, monitor and supervisor in their images."""
PROBE_S = 30


class NoEngine(BackendError):
    """No Docker engine answers: {cause}"""

    hint = "On Debian as root, setup/engine.sh installs and starts one; else see docs/install.md."


class EngineRefused(BackendError):
    """The Docker engine refused: {cause}"""


class PullFailed(BackendError):
    """{image} cannot be pulled: {cause}"""


class MountRefused(BackendError):
    """The engine cannot mount {source}: {cause}"""


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

    def publisher(self, port: int) -> str | None:
        """The name of a container, of whichever project, that has a port of the host."""

    def start(self, container_id: str) -> None:
        """Start a stopped container.

        :raises EngineRefused: it is gone, or cannot be started
        """

    def now(self) -> datetime:
        """The engine's time: what events and start times are dated by."""

    def events(self, since: datetime) -> list[LifeEvent]:
        """Starts, deaths, pauses and shortages of memory of the project's containers, oldest first.

        The engine keeps the last few hundred events of all containers.
        """

    def stop(self, container_id: str) -> None:
        """Stop a container gracefully, within the grace period that it was made with."""

    def execute(self, container_id: str, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in a running container; its exit code and output."""

    def image_exists(self, name: str) -> bool:
        """Whether the engine has an image."""

    def pull(self, name: str) -> None:
        """Pull an image.

        :raises PullFailed: it cannot be
        """

    def look(
        self, image: str, source: Path, command: Sequence[str], group: str = "0"
    ) -> tuple[int, str]:
        """Run a command as the supervisor's user, who sees a path of the engine's host at /seen.

        The container is removed afterwards.

        :return: exit code and output
        :raises MountRefused: the engine cannot give the path to a container
        """

    def folders(self) -> set[str]:
        """The folders from which the project's containers were created."""


class DockerContainers:
    """The engine that the docker command line uses too (`testbed.engine.endpoint`)."""

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
        with _engine_errors():
            summaries = self._list(f"{SERVICE_LABEL}={service}")
        for summary in summaries:
            for binding in summary.get("Ports", []):
                if binding.get("PrivatePort") == port and binding.get("PublicPort"):
                    return binding["IP"], int(binding["PublicPort"])
        return None

    def publisher(self, port: int) -> str | None:
        with _engine_errors():
            for summary in self._client.api.containers():
                if any(_takes(binding, port) for binding in summary.get("Ports", [])):
                    return str(summary["Names"][0]).removeprefix("/")
        return None

    def start(self, container_id: str) -> None:
        with _engine_errors():
            self._client.api.start(container_id)

    def now(self) -> datetime:
        with _engine_errors():
            return read_time(self._client.info()["SystemTime"])

    def events(self, since: datetime) -> list[LifeEvent]:
        # a whole second more on both sides: the engine compares with its own clock
        span = {"since": since.timestamp() - 1, "until": self.now().timestamp()}
        wanted = {
            "type": "container",
            "event": ["start", "die", "oom", "pause"],
            "label": f"{PROJECT_LABEL}={self._project}",
        }
        with _engine_errors():
            found = list(self._client.api.events(**span, decode=True, filters=wanted))
        return [read_event(event) for event in found]

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

        with _engine_errors():
            try:
                self._client.images.get(name)
            except ImageNotFound:
                return False
        return True

    def pull(self, name: str) -> None:
        # by the docker command, which knows the user's credentials for registries
        from python_on_whales import DockerClient
        from python_on_whales.exceptions import DockerException

        try:
            DockerClient().image.pull(name, quiet=True)
        except DockerException as error:
            raise PullFailed(image=name, cause=(error.stderr or str(error)).strip()) from error

    def look(
        self, image: str, source: Path, command: Sequence[str], group: str = "0"
    ) -> tuple[int, str]:
        from docker.errors import APIError
        from docker.types import Mount

        made = None
        with _engine_errors():
            try:
                made = self._client.containers.create(
                    image,
                    entrypoint=list(command),
                    mounts=[Mount("/seen", str(source), type="bind", read_only=True)],
                    user=f"{PROBE_USER}:{PROBE_USER}",
                    group_add=[group],
                    network_mode="none",
                    cap_drop=["ALL"],
                )
                made.start()
                code = made.wait(timeout=PROBE_S)["StatusCode"]
                return int(code), made.logs().decode(errors="replace")
            except APIError as error:
                cause = error.explanation or str(error)
                raise MountRefused(source=source, cause=cause) from error
            finally:
                if made is not None:
                    made.remove(force=True)

    def folders(self) -> set[str]:
        with _engine_errors():
            summaries = self._list()
        return {
            summary["Labels"][FOLDER_LABEL]
            for summary in summaries
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
    :raises NoSuchContext: the context that is named does not exist
    """
    import docker
    from docker.errors import DockerException

    engine = find_engine()
    try:
        client = docker.DockerClient(**engine.connection(), timeout=30)
        client.ping()
    except (DockerException, OSError) as error:  # what requests and ssh raise is an OSError
        raise NoEngine(cause=f"{engine}: {_plain(error)}") from error
    return client


def _takes(binding: Mapping[str, Any], port: int) -> bool:
    """Whether a published port is one of this host's loopback address."""
    here = binding.get("IP", "") in ("", "0.0.0.0", "::", "127.0.0.1")
    return here and binding.get("Type") == "tcp" and binding.get("PublicPort") == port


def _plain(error: BaseException) -> str:
    """What the system said, without what libraries wrapped around it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return str(error)


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
    """Errors of the engine as ours: one that answers no is not one that does not answer."""
    from docker.errors import APIError, DockerException
    from requests import RequestException

    try:
        yield
    except APIError as error:
        raise EngineRefused(cause=error.explanation or str(error)) from error
    except (DockerException, RequestException) as error:
        raise NoEngine(cause=str(error)) from error
