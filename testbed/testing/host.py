"""Compose and the other testbeds of a host, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from swf_common.protocol.states import CONTAINER_DOWN
from testbed.engine.compose import Compose, ComposeFailed
from testbed.engine.inspection import Container
from testbed.engine.services import Service, read_services
from testbed.stack.testbeds import Host
from testbed.testing.containers import FakeContainers


class FakeCompose(Compose):
    """Compose on a `FakeContainers`: what it brings up runs there, and is healthy at once.

    `calls` holds each verb with the services that it was given. A verb that stands in `failing`
    fails with the output given there. As with the real one, `up` builds nothing.

    :param services: the services as `docker compose config` shows them
    """

    def __init__(
        self, services: Mapping[str, Any], containers: FakeContainers, project: str = "testbed"
    ) -> None:
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.failing: dict[str, str] = {}
        self._config = {"name": project, "services": services}
        self._containers = containers

    def config(self) -> Mapping[str, Any]:
        return self._config

    def hashes(self) -> Mapping[str, str]:
        return {name: hash_of(service) for name, service in self._services.items()}

    def build(self, services: Sequence[str]) -> None:
        self._call("build", services)
        self._containers.images |= {self._services[name].image for name in services}

    def up(
        self, services: Sequence[str], scales: Mapping[str, int], *, dependencies: bool = True
    ) -> None:
        self._call("up", services)
        unhealthy = {one.program for one in self._containers.all() if one.health == "unhealthy"}
        for name in self._with_dependencies(services) if dependencies else services:
            service = self._services[name]
            ill = unhealthy.intersection(service.depends_on)
            if ill and dependencies:
                raise ComposeFailed(verb="up", output=f"container {min(ill)} is unhealthy")
            if service.image not in self._containers.images:
                raise ComposeFailed(verb="up", output=f"No such image: {service.image}")
            self._bring_up(service, scales.get(name, 1))

    def create(self, services: Sequence[str]) -> None:
        self._call("create", services)
        never_ran = {"state": "created", "health": None, "started_at": None}
        for name in services:
            image = self._services[name].image
            own = [one for one in self._containers.all() if one.program == name]
            for container in own:
                if container.image != image:
                    self._containers.remove(container.container_id)
            if all(container.image != image for container in own):
                self._containers.add(name, image=image, **never_ran)

    def stop(self, services: Sequence[str]) -> None:
        self._call("stop", services)
        for container in self._containers.all():
            if container.program in services and container.state not in CONTAINER_DOWN:
                self._containers.exit(container.container_id)

    def down(self, *, volumes: bool) -> None:
        self._call("down", ("--volumes",) if volumes else ())
        for container in self._containers.all():
            self._containers.remove(container.container_id)

    def logs(
        self, services: Sequence[str], *, follow: bool, since: str | None, tail: str | None
    ) -> None:
        options = {"--follow": follow, "--since": since, "--tail": tail}
        self._call("logs", [*services, *(name for name, given in options.items() if given)])

    @property
    def _services(self) -> dict[str, Service]:
        return read_services(self._config)

    def _call(self, verb: str, services: Sequence[str]) -> None:
        self.calls.append((verb, tuple(services)))
        if verb in self.failing:
            raise ComposeFailed(verb=verb, output=self.failing[verb])

    def _with_dependencies(self, services: Sequence[str]) -> list[str]:
        ordered: dict[str, None] = {}
        for name in services:
            for dependency in self._with_dependencies(self._services[name].depends_on):
                ordered.setdefault(dependency)
            ordered.setdefault(name)
        return list(ordered)

    def _bring_up(self, service: Service, scale: int) -> None:
        own = [one for one in self._containers.all() if one.program == service.name]
        kept = [one for one in own if one.image == service.image][:scale]
        for container in own:
            if container not in kept:
                self._containers.remove(container.container_id)
            elif container.state != "running":
                self._containers.start(container.container_id)
        for _ in range(scale - len(kept)):
            kept.append(self._create(service))
        if service.one_shot:
            for container in kept:
                self._containers.exit(container.container_id)

    def _create(self, service: Service, **facts: Any) -> Container:
        made = {"image": service.image, "config_hash": hash_of(service), "role": service.role}
        return self._containers.add(service.name, **made, **facts)


def hash_of(service: Service) -> str:
    """The digest of a service's configuration, which here is its image alone."""
    return sha256(service.image.encode()).hexdigest()


class FakeHost(Host):
    """An engine with the testbeds of many. A project that stands in `failing` cannot be taken down.

    :param inspected: its containers, as `inspect` describes them
    """

    def __init__(self, *inspected: Mapping[str, Any]) -> None:
        self.inspected = list(inspected)
        self.taken_down: list[tuple[str, bool]] = []
        self.failing: dict[str, str] = {}

    def containers(self) -> list[Mapping[str, Any]]:
        return list(self.inspected)

    def take_down(self, project: str, *, volumes: bool) -> None:
        if project in self.failing:
            raise ComposeFailed(verb="down", output=self.failing[project])
        self.taken_down.append((project, volumes))
