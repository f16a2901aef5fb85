"""`testbed agents`"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.engine.inspection import Container
    from testbed.stack.session import Session

HEADER = ("PROGRAM", "CONTAINER", "STATE", "HEALTH", "EXIT CODE", "RESTARTS")
VERBS = ("list", "start", "stop", "restart", "kill")


@click.command()
@click.argument("verb", type=click.Choice(VERBS), default="list", metavar=f"[{'|'.join(VERBS)}]")
@click.argument("program", required=False)
@with_session
def agents(session: Session, verb: str, program: str | None) -> None:
    """List the agents' containers, or act on a program.

    Without a verb it lists. `start` also takes one that was only created; READY follows some
    seconds later. `stop` lets it finish the work in hand, `kill` does not; both stay down until
    they are started. Neither broker nor monitor is needed.
    """
    from testbed.monitor_client.errors import TestbedDown
    from testbed.output import console
    from testbed.stack.agent_actions import AgentActions

    if verb != "list" and program is None:
        raise click.UsageError(f"Say which program to {verb}: testbed agents {verb} PROGRAM")
    if program is not None:
        session.demand_service(program, "agent")
    actions = AgentActions(session.containers)
    if not actions.find():
        raise TestbedDown(project=session.project.name, cause="it has no agent's container")
    if verb == "list" or program is None:
        containers = actions.find(program)
    else:
        session.check_owner()
        containers = actions.act(verb, program)
    console.result(table(containers))


def table(containers: Sequence[Container]) -> str:
    """Containers as lines of text."""
    from testbed.output import console

    rows = [
        (
            one.program,
            one.name,
            one.state,
            one.health or "-",
            str(one.exit_code) if one.ended else "-",
            str(one.restart_count),
        )
        for one in containers
    ]
    return console.table(HEADER, rows)
