"""The containers of one project through the docker SDK."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from swf_common.protocol.labels import FOLDER_LABEL, ONE_OFF_LABEL, PROJECT_LABEL, SERVICE_LABEL
from testbed.engine.containers import (
    EngineRefused,
    EngineUnavailable,
    Evidence,
    MountRefused,
    PullFailed,
)
from testbed.engine.endpoint import find_engine
from testbed.engine.inspection import (
    Container,
    LifeEvent,
    read_container,
    read_event,
    read_time,
)

PROBE_USER = 10001
"""The user of agents, monitor and supervisor in their images."""
PROBE_TIMEOUT_S = 30
USUAL_STOP_S = 10
"""What the engine takes for a container whose service says nothing."""


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Turn errors of the engine into ours: a refusal is not the same as no answer."""
    from docker.errors import APIError, DockerException
    from requests import RequestException

    try:
        yield
    except APIError as error:
        raise EngineRefused(cause=error.explanation or str(error)) from error
    except (DockerException, RequestException) as error:
        raise EngineUnavailable(cause=str(error)) from error


class DockerContainers:
    """The engine that the docker command line uses too (`testbed.engine.endpoint`)."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._client = connect()

    @_engine_errors()
    def all(self) -> list[Container]:
        details = [self._inspect(summary["Id"]) for summary in self._list()]
        return [read_container(one) for one in details if one is not None]

    @_engine_errors()
    def evidence(self, container_id: str, lines: int = 10) -> Evidence:
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

    @_engine_errors()
    def published_port(self, service: str, port: int) -> tuple[str, int] | None:
        summaries = self._list(f"{SERVICE_LABEL}={service}")
        for summary in summaries:
            for binding in summary.get("Ports", []):
                if binding.get("PrivatePort") == port and binding.get("PublicPort"):
                    return binding["IP"], int(binding["PublicPort"])
        return None

    @_engine_errors()
    def publisher(self, port: int) -> str | None:
        for summary in self._client.api.containers():
            if any(_takes(binding, port) for binding in summary.get("Ports", [])):
                return str(summary["Names"][0]).removeprefix("/")
        return None

    @_engine_errors()
    def start(self, container_id: str) -> None:
        self._client.api.start(container_id)

    @_engine_errors()
    def unpause(self, container_id: str) -> None:
        self._client.api.unpause(container_id)

    @_engine_errors()
    def kill(self, container_id: str) -> None:
        self._client.api.kill(container_id, "SIGKILL")

    @_engine_errors()
    def now(self) -> datetime:
        return read_time(self._client.info()["SystemTime"])

    @_engine_errors()
    def events(self, since: datetime) -> list[LifeEvent]:
        # a whole second more on both sides: the engine compares with its own clock
        span = {"since": since.timestamp() - 1, "until": self.now().timestamp()}
        wanted = {
            "type": "container",
            "event": ["start", "die", "oom", "pause"],
            "label": f"{PROJECT_LABEL}={self._project}",
        }
        results = list(self._client.api.events(**span, decode=True, filters=wanted))
        return [read_event(event) for event in results]

    @_engine_errors()
    def stop(self, container_id: str) -> None:
        grace_s = self._client.api.inspect_container(container_id)["Config"].get("StopTimeout")
        self._client.api.stop(container_id, USUAL_STOP_S if grace_s is None else grace_s)

    @_engine_errors()
    def execute(self, container_id: str, command: Sequence[str]) -> tuple[int, str]:
        created = self._client.api.exec_create(container_id, list(command))
        output: bytes = self._client.api.exec_start(created["Id"])
        code = self._client.api.exec_inspect(created["Id"])["ExitCode"]
        return int(code), output.decode(errors="replace")

    @_engine_errors()
    def image_exists(self, name: str) -> bool:
        from docker.errors import ImageNotFound

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

    @_engine_errors()
    def run_probe(
        self, image: str, source: Path, command: Sequence[str], group: str = "0"
    ) -> tuple[int, str]:
        from docker.errors import APIError
        from docker.types import Mount

        made = None
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
            code = made.wait(timeout=PROBE_TIMEOUT_S)["StatusCode"]
            return int(code), made.logs().decode(errors="replace")
        except APIError as error:
            cause = error.explanation or str(error)
            raise MountRefused(source=source, cause=cause) from error
        finally:
            if made is not None:
                made.remove(force=True)

    @_engine_errors()
    def folders(self) -> set[str]:
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

    :raises EngineUnavailable: none answers
    :raises NoSuchContext: the context that is named does not exist
    """
    import docker
    from docker.errors import DockerException

    engine = find_engine()
    try:
        client = docker.DockerClient(**engine.connection(), timeout=30)
        client.ping()
    except (DockerException, OSError) as error:  # what requests and ssh raise is an OSError
        raise EngineUnavailable(cause=f"{engine}: {_plain(error)}") from error
    return client


def _takes(binding: Mapping[str, Any], port: int) -> bool:
    """Whether a published port is one of this host's loopback address."""
    here = binding.get("IP", "") in ("", "0.0.0.0", "::", "127.0.0.1")
    return here and binding.get("Type") == "tcp" and binding.get("PublicPort") == port


def _plain(error: BaseException) -> str:
    """The system's message, without what libraries wrapped around it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return str(error)


def inspect_labelled(label: str) -> list[Mapping[str, Any]]:
    """Every container of the engine with a label, in the form of `docker inspect`.

    :raises EngineUnavailable: no engine answers
    """
    from docker.errors import NotFound

    client = connect()
    results = []
    with _engine_errors():
        for summary in client.api.containers(all=True, filters={"label": label}):
            with suppress(NotFound):  # it is being removed
                results.append(client.api.inspect_container(summary["Id"]))
    return results
