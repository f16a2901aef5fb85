"""What the supervisor asks of the container engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from swf_common.errors import TestbedError
from swf_common.protocol.agent_control import AgentContainerState
from swf_common.protocol.states import CONTAINER_DIED
from swf_common.service import actions


class EngineUnavailable(TestbedError):
    """The Docker engine does not answer: {cause}"""


@dataclass(frozen=True)
class AgentContainer:
    """A container of an agent program of this testbed.

    Only an engine makes these, from containers that carry the project's label and the agents' role
    label: nothing else can be acted upon.

    :param started_at: as the engine writes it; empty before the first start
    :param stop_timeout: seconds that it may take to stop, by its service's `stop_grace_period`
    :param agent: its key under `[agents]`, and what it accounts for, by its service's labels
    """

    program: str
    container_id: str
    name: str
    state: str
    exit_code: int = 0
    started_at: str = ""
    restart_count: int = 0
    health: str | None = None
    stop_timeout: int = 10
    agent: str | None = None
    stages: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether its exit code means something."""
        return bool(self.started_at) and self.state in CONTAINER_DIED

    def grace(self, timeout: int | None) -> int:
        """Seconds that it gets to stop: those of its service, unless others are given."""
        return self.stop_timeout if timeout is None else timeout

    def as_reply(self) -> AgentContainerState:
        """The container as a reply describes it."""
        return AgentContainerState.model_validate(
            {
                "program": self.program,
                "container_id": self.container_id,
                "name": self.name,
                "state": self.state,
                "exit_code": self.exit_code if self.ended else None,
                "started_at": self.started_at or None,
                "restart_count": self.restart_count,
                "health": self.health,
                "agent": self.agent,
                "stages": list(self.stages),
            }
        )


class Engine(actions.Engine[AgentContainer], Protocol):
    """The engine, as far as it concerns the agents of one testbed.

    Each method raises `EngineUnavailable` when the engine does not answer, and the acting ones
    `ActionFailed` when it answers that it will not.
    """

    def ping(self) -> None:
        """Return if the engine answers."""

    def agents(self) -> list[AgentContainer]:
        """Every agent container of the testbed, whatever its state."""
