"""Commands to the supervisor, on `/queue/agent_control`, and its reply (docs/messages.md)."""

from __future__ import annotations

from pydantic import BaseModel, Field

from swf_common.protocol.identifiers import ContainerId
from swf_common.protocol.message import FILE_NAME, Message, UtcTime


class AgentCommand(Message):
    """Command to the supervisor, about the containers of an agent program or one of them.

    An `instance_name` says whom the sender means; its container is found by `container_id`.
    """

    program: str | None = Field(default=None, max_length=100, pattern=FILE_NAME)
    instance_name: str | None = Field(default=None, max_length=100, pattern=FILE_NAME)
    container_id: ContainerId | None = None
    timeout: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=600,
        description="seconds that a stop may take before SIGKILL; default: the service's own",
    )
    requested_by: str | None = Field(default=None, max_length=200, description="who asked")
    expires_at: UtcTime | None = Field(default=None, description="not to be begun later than this")


class ListAgents(AgentCommand):
    """Report the state of the agents' containers."""

    msg_type: str = "list"


class StartAgent(AgentCommand):
    """Start the containers."""

    msg_type: str = "start"


class StopAgent(AgentCommand):
    """Let the containers finish the work in hand and end."""

    msg_type: str = "stop"


class RestartAgent(AgentCommand):
    """Stop the containers, if they run, and start them again."""

    msg_type: str = "restart"


class KillAgent(AgentCommand):
    """End the containers at once; they stay down until they are started."""

    msg_type: str = "kill"


class AgentContainerState(BaseModel):
    """A container of an agent program, as the engine sees it."""

    program: str
    container_id: ContainerId
    name: str
    state: str = Field(description="created, running, paused, restarting, exited or dead")
    exit_code: int | None = Field(default=None, description="of its last end; none while it runs")
    started_at: UtcTime | None = Field(default=None, description="none before its first start")
    restart_count: int = 0
    health: str | None = Field(default=None, description="starting, healthy or unhealthy")
    agent: str | None = Field(default=None, description="the agent's key under [agents]")
    stages: list[str] | None = Field(
        default=None, description="what it brings every STF, TF or slice to"
    )


class Done(Message):
    """The supervisor's reply: the effect was seen; how the containers are now."""

    msg_type: str = "done"
    containers: list[AgentContainerState] = Field(default_factory=list)


class Rejected(Message):
    """A reply to a command that was not carried out.

    The supervisor adds `containers` when it has acted and did not see the effect.
    """

    msg_type: str = "rejected"
    reason: str
    containers: list[AgentContainerState] | None = None
