"""Tools of the categories Supervised programs and Instances: agents' containers."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from monitor.control import agents as control
from monitor.control.commands import NoAnswer, Refused
from monitor.mcp.callers import Operator, Reader
from monitor.mcp.lists import Page, Record, whole
from monitor.mcp.system import Agent, agent_of, agent_row
from monitor.mcp.tools import or_else
from swf_common.protocol.agent_control import AgentContainerState
from swf_common.protocol.identifiers import same_container
from swf_common.protocol.message import FILE_NAME
from swf_common.protocol.states import OperationalState

ProgramName = Annotated[
    str,
    Field(
        max_length=100,
        pattern=FILE_NAME,
        description="such as example-data-agent; from list_supervised_agents",
    ),
]
InstanceName = Annotated[str, Field(description="an agent instance, from list_agents")]
NEXT = "list_supervised_agents for the programs that there are; the supervisor's log"


class SupervisedAgent(AgentContainerState):
    """A container of an agent program, and the newest agent instance that ran in it."""

    instance_name: str | None = Field(description="null when none has ever reported")
    operational_state: str | None = Field(description="of that instance")


class InstanceStatus(Record):
    """An agent instance and its container, side by side."""

    agent: Agent
    container: AgentContainerState | None = Field(description="null when it is unknown")
    container_unknown_because: str | None
    alive: bool = Field(description="heartbeat fresh, not EXITED, and its container runs")
    verdict: str


class Killed(Record):
    """An agent instance that was killed."""

    agent: Agent
    container: AgentContainerState
    next: str = Field(description="what to call next")


def list_supervised_agents(caller: Reader) -> Page[SupervisedAgent]:
    """All containers of agent programs, as the engine reports them now, with their newest agent.

    Shows what list_agents cannot: programs that were only created (state `created`), that died or
    were stopped. `running` does not mean READY: see operational_state. Next:
    start_supervised_agent, stop_supervised_agent, restart_supervised_agent.
    """
    with or_else("list_agents shows what the agents reported"):
        found = control.containers(caller.name)
    return _with_agents(found)


def start_supervised_agent(program_name: ProgramName, caller: Operator) -> Page[SupervisedAgent]:
    """Start an agent program whose container is down or was only created.

    Returns when its container runs, which takes a second or two; that the agent is READY follows
    some seconds later: call list_supervised_agents until operational_state is READY. A program
    that runs already is left alone. Needs the role operator.
    """
    return _act(caller, "start", program_name)


def stop_supervised_agent(program_name: ProgramName, caller: Operator) -> Page[SupervisedAgent]:
    """Stop an agent program gracefully: it finishes the work in hand, at most 30 seconds.

    It stays down until it is started; its messages wait for it at the broker. Needs the role
    operator. Next: start_supervised_agent.
    """
    return _act(caller, "stop", program_name)


def restart_supervised_agent(program_name: ProgramName, caller: Operator) -> Page[SupervisedAgent]:
    """Stop an agent program gracefully, if it runs, and start it again: a new agent instance.

    Also brings back one that was killed. Then call list_supervised_agents until
    operational_state is READY. Needs the role operator.
    """
    return _act(caller, "restart", program_name)


def get_agent_instance_status(instance_name: InstanceName, caller: Reader) -> InstanceStatus:
    """Whether one agent instance is alive: its last heartbeat and the state of its container.

    Use it when an agent is silent or a container does not do what it should. Next:
    list_logs(instance_name=...), restart_supervised_agent(program), kill_agent.
    """
    agent = agent_of(agent_row(instance_name))
    container, because = None, None
    try:
        for found in control.containers(caller.name):
            if agent.container_id and same_container(found.container_id, agent.container_id):
                container = found
        if container is None:
            because = "no container of this testbed has the id that the agent reported"
    except (NoAnswer, Refused) as error:
        because = str(error)
    verdict = _verdict(agent, container)
    return InstanceStatus(
        agent=agent,
        container=container,
        container_unknown_because=because,
        alive=verdict.startswith("alive"),
        verdict=verdict,
    )


def kill_agent(
    instance_name: InstanceName,
    caller: Operator,
    confirm: Annotated[
        bool, Field(description="has to be true: a killed agent loses the work in hand")
    ] = False,
) -> Killed:
    """Kill one agent instance at once (SIGKILL to its container); it stays down.

    The agent counts as EXITED at once, and what it was at work on is delivered again later.
    Prefer stop_supervised_agent, which lets it finish. Only with confirm=true. Needs the role
    operator. Next: restart_supervised_agent or start_supervised_agent brings the program back.
    """
    row = agent_row(instance_name)
    if not confirm:
        raise ToolError(
            f"Nothing was done: killing {instance_name} takes confirm=true. To let it finish its "
            f"work use stop_supervised_agent(program_name='{row.program}')."
        )
    if row.operational_state == OperationalState.EXITED:
        raise ToolError(
            f"{instance_name} is EXITED already. Who runs now: list_agents, list_supervised_agents"
        )
    with or_else("get_agent_instance_status"):
        container = control.kill(caller.name, row)
    return Killed(
        agent=agent_of(agent_row(instance_name)),
        container=container,
        next=f"restart_supervised_agent(program_name='{container.program}') to bring it back",
    )


def _act(caller: Operator, verb: str, program: str) -> Page[SupervisedAgent]:
    with or_else(NEXT):
        return _with_agents(control.act(caller.name, verb, program))


def _with_agents(found: list[AgentContainerState]) -> Page[SupervisedAgent]:
    items = [
        SupervisedAgent(
            **container.model_dump(),
            instance_name=row.instance_name if row else None,
            operational_state=row.operational_state if row else None,
        )
        for container, row in control.with_agents(found)
    ]
    return whole(items, SupervisedAgent)


def _verdict(agent: Agent, container: AgentContainerState | None) -> str:
    state = agent.operational_state
    if state == OperationalState.EXITED:
        return "EXITED: this instance has ended; a new start has another instance name"
    if container is not None and container.state != "running":
        return f"dead: its container is {container.state}, although it was last {state}"
    if not agent.fresh:
        return f"silent: it was last {state}, and its heartbeats have stopped"
    return f"alive: {state}, status {agent.status}"


READING = (list_supervised_agents, get_agent_instance_status)
ACTING = (
    start_supervised_agent,
    stop_supervised_agent,
    restart_supervised_agent,
    kill_agent,
)
