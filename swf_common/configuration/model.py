"""What the sections of testbed.toml may hold (docs/configuration.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from swf_common.configuration.parameters import Parameters
from swf_common.protocol.identifiers import Namespace

SYSTEM_SECTIONS = ("testbed", "workflow", "agents", "supervisor", "expect", "parameters")
"""Sections with a meaning of their own; every other one holds the workflow's parameters."""


class Section(BaseModel):
    """A section: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class TestbedSection(Section):
    """`[testbed]`"""

    __test__ = False

    namespace: Namespace


class WorkflowSection(Section):
    """`[workflow]`: what to run, and how."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="workflows/<name>.py")
    config: str | None = Field(default=None, description="workflows/<config>.toml")
    version: str = "1.0"
    duration: float = Field(default=0, ge=0, description="simulated seconds, 0 = until the end")
    realtime: bool = True
    includes: list[str] = Field(default_factory=list)


class AgentSection(Section):
    """`[agents.<key>]`: whether an agent takes part, and what is asked of it."""

    enabled: bool = False
    program: str | None = Field(default=None, description="the Compose service")
    required: bool = Field(default=True, description="false: its failure only warns")
    replicas: int = Field(default=1, ge=1, le=64)
    ready_timeout: float = Field(default=90, gt=0, le=3600, description="seconds")
    script: str | None = Field(default=None, description="accepted from old files; not used")


class SupervisorSection(Section):
    """`[supervisor]`: the service that manages agents on command."""

    enabled: bool = Field(default=True, description="false: no container gets the engine's socket")


class ExpectSection(Section):
    """`[expect]`: numbers that `testbed run` checks when the run has drained."""

    stf_generated: int | None = Field(default=None, ge=0)
    stf_registered: int | None = Field(default=None, ge=0)
    stf_processed: int | None = Field(default=None, ge=0)
    stf_failed: int | None = Field(default=None, ge=0)
    within: float | None = Field(default=None, gt=0, description="seconds to drained")
    stages: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="by stage, STFs that came to an end there, not failed"
    )

    def given(self) -> dict[str, Any]:
        """What is asked for, as it stands in a file."""
        return self.model_dump(exclude_defaults=True)


@dataclass(frozen=True)
class Configuration:
    """The resolved configuration of one testbed."""

    testbed: TestbedSection
    workflow: WorkflowSection
    agents: dict[str, AgentSection]
    parameters: Parameters
    expect: ExpectSection
    origins: dict[tuple[str, ...], str]
    supervisor: SupervisorSection = field(default_factory=SupervisorSection)
    notes: list[str] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return self.testbed.namespace

    @property
    def enabled_agents(self) -> dict[str, AgentSection]:
        return {key: agent for key, agent in self.agents.items() if agent.enabled}

    @property
    def switched_off(self) -> frozenset[str]:
        """Sections of services that are not to run."""
        return frozenset() if self.supervisor.enabled else frozenset({"supervisor"})

    def resolved(self) -> dict[str, Any]:
        """All of it as one JSON object: what travels in `run_workflow` and is stored. `origins`
        tells by `<section>.<key>` where a value comes from; the others are defaults.
        """
        return {
            "testbed": self.testbed.model_dump(),
            "workflow": self.workflow.model_dump(exclude={"includes"}),
            "agents": {
                key: agent.model_dump(exclude={"script"}) for key, agent in self.agents.items()
            },
            "supervisor": self.supervisor.model_dump(),
            "expect": self.expect.given(),
            "origins": {".".join(path): origin for path, origin in self.origins.items()},
            **self.parameters.sections(),
        }


NOT_PARAMETERS = (*SYSTEM_SECTIONS, "git_version", "origins", "drain")
"""Entries of a resolved configuration that are not sections of parameters."""


def flat_parameters(resolved: dict[str, Any]) -> dict[str, Any]:
    """The workflow's parameters in a recorded configuration, as one table: `daq_state_machine`
    first, other sections over it.
    """
    flat: dict[str, Any] = dict(resolved.get("daq_state_machine", {}))
    for section, values in resolved.items():
        if section not in NOT_PARAMETERS and section != "daq_state_machine":
            flat.update(values)
    return flat
