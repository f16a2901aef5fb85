"""The services of compose.yaml, as the command reads them from their labels. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swf_common.protocol.labels import AGENT_LABEL, LABEL, ROLE_LABEL, STAGES_LABEL


@dataclass(frozen=True)
class Service:
    """A service of compose.yaml, with what its labels say.

    :param builds: whether Compose knows how to build its image
    """

    name: str
    image: str
    role: str
    agent: str | None = None
    always: bool = False
    switch: str | None = None
    stages: tuple[str, ...] = ()
    one_shot: bool = False
    dockerfile: str | None = None
    target: str | None = None
    builds: bool = False
    depends_on: tuple[str, ...] = ()

    @property
    def own_image(self) -> str | None:
        """Which of the images under images/ it builds; None when it builds none of them."""
        match = re.fullmatch(r"images/([\w-]+)/Dockerfile", self.dockerfile or "")
        return (self.target or match[1]) if match else None


def read_services(compose_config: Mapping[str, Any]) -> dict[str, Service]:
    """The services in the output of `docker compose config`.

    A service that only says how it is built gets the image name that Compose gives it.
    """
    services = {}
    project = compose_config.get("name", "")
    depended_on = {
        dependency
        for service in compose_config["services"].values()
        for dependency, how in (service.get("depends_on") or {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    for name, service in compose_config["services"].items():
        labels = _labels(service.get("labels"))
        build = service.get("build") or {}
        services[name] = Service(
            name=name,
            image=service.get("image") or f"{project}-{name}",
            role=labels.get(ROLE_LABEL, ""),
            agent=labels.get(AGENT_LABEL),
            always=labels.get(f"{LABEL}always") == "true",
            switch=labels.get(f"{LABEL}switch"),
            stages=tuple(labels.get(STAGES_LABEL, "").split()),
            one_shot=name in depended_on,
            dockerfile=build.get("dockerfile"),
            target=build.get("target"),
            builds=bool(build),
            depends_on=tuple(service.get("depends_on") or {}),
        )
    return services


def _labels(written: Mapping[str, str] | Sequence[str] | None) -> Mapping[str, str]:
    """The labels of a service; they may come as a list, as of one that extends another."""
    if isinstance(written, Sequence):
        return dict(label.split("=", 1) for label in written if "=" in label)
    return written or {}


def distinct_builds(services: Mapping[str, Service]) -> Sequence[Service]:
    """One service for each image that Compose knows how to build."""
    by_image: dict[str, Service] = {}
    for service in services.values():
        if service.builds:
            by_image.setdefault(service.image, service)
    return tuple(by_image.values())
