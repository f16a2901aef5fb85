"""From a configuration and the services of compose.yaml to what has to run. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swf_common.configuration import AgentSection, Configuration
from swf_common.configuration.participants import Participant, stages_of, with_services
from swf_common.configuration.suggestions import nearest
from swf_common.errors import ConfigurationError
from swf_common.protocol.labels import AGENT_LABEL, STAGES_LABEL
from swf_common.protocol.progress import BUILT_IN, CUSTOM_STAGE
from testbed.engine.services import Service
from testbed.gate.decision import Expected


@dataclass(frozen=True)
class Plan:
    """What a configuration needs.

    :param scales: replicas of agent services that have more than one
    :param others: agent services that the configuration does not enable
    :param switched_off: backend services that it leaves out
    :param agents: those that take part, with what each accounts for
    :param ready_timeout: seconds to wait for READY, per program
    """

    backend: tuple[str, ...]
    expected: tuple[Expected, ...]
    scales: Mapping[str, int]
    others: tuple[str, ...]
    agents: tuple[Participant, ...]
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
    def stages(self) -> tuple[str, ...]:
        """What the required agents bring every STF, TF or slice to."""
        return stages_of(self.agents, required=True)

    def resolved(self, configuration: Configuration) -> dict[str, Any]:
        """The configuration as it travels in `run_workflow`: each agent that takes part has its
        program and stages in its section.
        """
        resolved = configuration.resolved()
        for one in self.agents:
            usual = AgentSection().model_dump(exclude={"script"})
            resolved["agents"].setdefault(one.key, usual)["enabled"] = True
        return with_services(resolved, self.agents)

    @property
    def services(self) -> tuple[str, ...]:
        """Everything that is to run."""
        return self.backend + self.programs


def make_plan(configuration: Configuration, services: Mapping[str, Service]) -> Plan:
    """Which services run for a configuration.

    :raises ConfigurationError: an enabled agent has no such service, or two have the same one;
        or no service carries the key of a section
    """
    backend = [name for name, service in services.items() if service.role == "backend"]
    off = [name for name in backend if services[name].switch in configuration.switched_off]
    agents = {name: service for name, service in services.items() if service.role == "agent"}
    chosen: dict[str, AgentSection] = {}
    keys = {name: service.agent or name for name, service in agents.items()}
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
        keys[program] = key
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
        agents=tuple(
            Participant(keys[name], name, True, section.required, _stages(agents[name]))
            for name, section in chosen.items()
        ),
        ready_timeout={program: section.ready_timeout for program, section in chosen.items()},
        switched_off=tuple(off),
    )


def _stages(service: Service) -> tuple[str, ...]:
    """What an agent's service accounts for.

    :raises ConfigurationError: nothing counts one of them
    """
    for stage in service.stages:
        if stage not in BUILT_IN and not re.fullmatch(CUSTOM_STAGE, stage):
            raise ConfigurationError(
                place="compose.yaml",
                problem=f"{service.name} has the label {STAGES_LABEL} with {stage}, which nothing "
                f"counts; {nearest(stage, BUILT_IN)}",
                hint="A stage of its own is called stf.<name>, in lower-case letters.",
            )
    return service.stages


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
            f"{AGENT_LABEL}={key}; " + nearest(key, known),
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
