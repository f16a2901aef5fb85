"""From a configuration and the services of compose.yaml to what has to run. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testbed.configuration import AgentSection, Configuration
from testbed.configuration.suggestions import nearest
from testbed.errors import ConfigurationError
from testbed.gate import Expected

LABEL = "org.epic.testbed."


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
    accounts: tuple[str, ...] = ()
    one_shot: bool = False
    dockerfile: str | None = None
    builds: bool = False
    depends_on: tuple[str, ...] = ()

    @property
    def folder(self) -> str | None:
        """The folder under images/ whose Dockerfile it builds; None when it builds none of them."""
        found = re.fullmatch(r"images/([\w-]+)/Dockerfile", self.dockerfile or "")
        return found[1] if found else None


@dataclass(frozen=True)
class Plan:
    """What a configuration needs.

    :param scales: replicas of agent services that have more than one
    :param others: agent services that the configuration does not enable
    :param switched_off: backend services that it leaves out
    :param accounts: stages that the required agents bring every STF, TF or slice to
    :param ready_timeout: seconds to wait for READY, per program
    """

    backend: tuple[str, ...]
    expected: tuple[Expected, ...]
    scales: Mapping[str, int]
    others: tuple[str, ...]
    accounts: tuple[str, ...]
    ready_timeout: Mapping[str, float] = field(default_factory=dict)
    switched_off: tuple[str, ...] = ()

    @property
    def programs(self) -> tuple[str, ...]:
        return tuple(agent.program for agent in self.expected)

    @property
    def required(self) -> tuple[str, ...]:
        """Programs whose work a run waits for."""
        return tuple(agent.program for agent in self.expected if agent.required)

    @property
    def services(self) -> tuple[str, ...]:
        """Everything that is to run."""
        return self.backend + self.programs


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
        labels = service.get("labels") or {}
        build = service.get("build") or {}
        services[name] = Service(
            name=name,
            image=service.get("image") or f"{project}-{name}",
            role=labels.get(f"{LABEL}role", ""),
            agent=labels.get(f"{LABEL}agent"),
            always=labels.get(f"{LABEL}always") == "true",
            switch=labels.get(f"{LABEL}switch"),
            accounts=tuple(labels.get(f"{LABEL}accounts", "").split()),
            one_shot=name in depended_on,
            dockerfile=build.get("dockerfile"),
            builds=bool(build),
            depends_on=tuple(service.get("depends_on") or {}),
        )
    return services


def make_plan(configuration: Configuration, services: Mapping[str, Service]) -> Plan:
    """Which services run for a configuration.

    :raises ConfigurationError: an enabled agent has no such service, or two have the same one;
        or no service carries the key of a section
    """
    backend = [name for name, service in services.items() if service.role == "backend"]
    off = [name for name in backend if services[name].switch in configuration.switched_off]
    agents = {name: service for name, service in services.items() if service.role == "agent"}
    chosen: dict[str, AgentSection] = {}
    for key, section in configuration.agents.items():
        if not section.enabled:
            _check_key(key, section, agents, configuration)
            continue
        program = _program(key, section, agents, configuration)
        if program in chosen:
            raise ConfigurationError(
                place=_origin(configuration, key, "program"),
                problem=f'[agents.{key}] program = "{program}" is enabled in another section too',
                hint="For more containers of one program set its replicas.",
            )
        chosen[program] = section
    if chosen:
        for name, service in agents.items():
            if service.always and name not in chosen:
                chosen[name] = configuration.agents.get(service.agent or "", AgentSection())
            if service.always and chosen[name].replicas != 1:
                raise ConfigurationError(
                    place=_origin(configuration, service.agent or name, "replicas"),
                    problem=f"[agents.{service.agent}] replicas = {chosen[name].replicas}: "
                    f"there is one {name} in a testbed; use another namespace for a second",
                )
    return Plan(
        backend=tuple(name for name in backend if name not in off),
        expected=tuple(
            Expected(program, section.replicas, section.required)
            for program, section in chosen.items()
        ),
        scales={program: section.replicas for program, section in chosen.items()},
        others=tuple(name for name in agents if name not in chosen),
        accounts=tuple(
            stage
            for name, section in chosen.items()
            if section.required
            for stage in agents[name].accounts
        ),
        ready_timeout={program: section.ready_timeout for program, section in chosen.items()},
        switched_off=tuple(off),
    )


def distinct_builds(services: Mapping[str, Service]) -> Sequence[Service]:
    """One service for each image that Compose knows how to build."""
    by_image: dict[str, Service] = {}
    for service in services.values():
        if service.builds:
            by_image.setdefault(service.image, service)
    return tuple(by_image.values())


def _check_key(
    key: str,
    section: AgentSection,
    agents: Mapping[str, Service],
    configuration: Configuration,
) -> None:
    """Find a mistyped key also where nothing is enabled, as in `--set agents.dta.replicas=2`.

    A section that names its program may do so before that exists; files of the predecessor have
    sections of agents that are not here.
    """
    if section.program is None and section.script is None:
        _program(key, section, agents, configuration)


def _program(
    key: str,
    section: AgentSection,
    agents: Mapping[str, Service],
    configuration: Configuration,
) -> str:
    if section.program is None:
        labelled = [name for name, service in agents.items() if service.agent == key]
        if labelled:
            return labelled[0]
        known = [service.agent for service in agents.values() if service.agent]
        origins = [
            origin for path, origin in configuration.origins.items() if path[:2] == ("agents", key)
        ]
        raise ConfigurationError(
            place=origins[-1] if origins else "testbed.toml",
            problem=f"[agents.{key}]: no service in compose.yaml carries the label "
            f"{LABEL}agent={key}; " + nearest(key, known),
            hint=f'Or name the service:  program = "<service>"  under [agents.{key}].',
        )
    if section.program not in agents:
        raise ConfigurationError(
            place=_origin(configuration, key, "program"),
            problem=f'[agents.{key}] program = "{section.program}": compose.yaml has no agent '
            f"service of that name; " + nearest(section.program, agents),
        )
    return section.program


def _origin(configuration: Configuration, key: str, field_name: str) -> str:
    return configuration.origins.get(("agents", key, field_name), "testbed.toml")
