"""All testbeds of this host, of every user and checkout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from swf_common.errors import BackendError
from swf_common.protocol.labels import FOLDER_LABEL, PROJECT_LABEL, ROLE_LABEL, SERVICE_LABEL
from testbed.engine.docker_containers import inspect_labelled
from testbed.output import console
from testbed.project import Project
from testbed.stack.session import MONITOR_PORT, MONITOR_SERVICE

PREFIX = "testbed-"


@dataclass(frozen=True)
class Testbed:
    """One of them.

    :param state: `up`, `starting`, `degraded` (a backend service is down or ill) or `stopped`
    :param agents: agent containers that run
    :param folder: the checkout from which it was started
    """

    __test__ = False

    project: str
    namespace: str
    state: str
    agents: int
    monitor_url: str | None
    folder: str

    def lock(self) -> AbstractContextManager[None]:
        """Let no other command change it meanwhile; nothing to do where its checkout is gone."""
        project = Project(self.namespace, Path(self.folder))
        if not project.folder.is_dir():
            return nullcontext()
        return project.lock(lambda: console.note(f"Waiting for who is at work on {self.project}"))


class Host(Protocol):
    """What the command asks of the engine about all testbeds."""

    def containers(self) -> list[Mapping[str, Any]]:
        """Every container of a testbed, as `inspect` describes it."""

    def take_down(self, project: str, *, volumes: bool) -> None:
        """Remove every container and network of a Compose project, and its volumes if asked."""


class DockerHost:
    """The engine that the docker command line uses too."""

    def containers(self) -> list[Mapping[str, Any]]:
        return inspect_labelled(ROLE_LABEL)

    def take_down(self, project: str, *, volumes: bool) -> None:
        from python_on_whales import DockerClient
        from python_on_whales.exceptions import DockerException

        from testbed.engine.compose import ComposeFailed

        with TemporaryDirectory() as empty:  # without another compose.yaml: the labels suffice
            client = DockerClient(compose_project_name=project, compose_project_directory=empty)
            try:
                client.compose.down(volumes=volumes, remove_orphans=True, quiet=True)
            except DockerException as error:
                output = (error.stderr or str(error)).strip()
                raise ComposeFailed(verb="down", output=output) from error


def find_testbeds(containers: Iterable[Mapping[str, Any]]) -> list[Testbed]:
    """The testbeds to which containers belong, by name.

    :param containers: as `inspect` describes them
    """
    projects: dict[str, list[Mapping[str, Any]]] = {}
    for container in containers:
        name = container["Config"]["Labels"].get(PROJECT_LABEL, "")
        if name.startswith(PREFIX):
            projects.setdefault(name, []).append(container)
    return [_testbed(name, own) for name, own in sorted(projects.items())]


def take_down_all(host: Host, testbeds: Iterable[Testbed], *, volumes: bool) -> None:
    """Take testbeds down, one after the other; one that cannot be stops none of the others.

    :raises BackendError: some could not be
    """
    failed = []
    for testbed in testbeds:
        try:
            with testbed.lock():
                host.take_down(testbed.project, volumes=volumes)
        except (BackendError, OSError) as error:
            failed.append(f"{testbed.project}: {error}")
        else:
            console.note(f"{testbed.project} is down.")
    if failed:
        raise BackendError(what="Not everything is down:\n" + "\n".join(failed))


def _testbed(name: str, containers: list[Mapping[str, Any]]) -> Testbed:
    labels = [container["Config"]["Labels"] for container in containers]
    return Testbed(
        project=name,
        namespace=name.removeprefix(PREFIX),
        state=_state([one for one in containers if _role(one) == "backend" and _lasts(one)]),
        agents=sum(_role(one) == "agent" and _runs(one) for one in containers),
        monitor_url=next(filter(None, map(_address, containers)), None),
        folder=next((one[FOLDER_LABEL] for one in labels if FOLDER_LABEL in one), ""),
    )


def _state(backend: list[Mapping[str, Any]]) -> str:
    running = [container for container in backend if _runs(container)]
    if not running:
        return "stopped"
    health = {(container["State"].get("Health") or {}).get("Status") for container in running}
    if len(running) < len(backend) or "unhealthy" in health:
        return "degraded"
    return "starting" if "starting" in health else "up"


def _role(container: Mapping[str, Any]) -> str:
    return str(container["Config"]["Labels"].get(ROLE_LABEL, ""))


def _lasts(container: Mapping[str, Any]) -> bool:
    """Whether a container is to run all the time, and not to do one thing and end."""
    return bool(container["HostConfig"]["RestartPolicy"]["Name"] not in ("", "no"))


def _runs(container: Mapping[str, Any]) -> bool:
    return bool(container["State"]["Status"] == "running")


def _address(container: Mapping[str, Any]) -> str | None:
    if container["Config"]["Labels"].get(SERVICE_LABEL) != MONITOR_SERVICE:
        return None
    bindings = (container["NetworkSettings"].get("Ports") or {}).get(f"{MONITOR_PORT}/tcp")
    return f"http://{bindings[0]['HostIp']}:{bindings[0]['HostPort']}" if bindings else None
