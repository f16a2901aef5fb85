"""`testbed stop-agents`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session


@click.command("stop-agents")
@with_session
def stop_agents(session: Session) -> None:
    """Stop every agent; the backend stays. A running workflow is ended first."""
    from testbed.output import console
    from testbed.stack.orphans import stop_orphaned_agents

    end_running_workflows(session)
    with session.lock():
        session.check_owner()
        session.compose.stop(session.agent_programs)
        stop_orphaned_agents(session)
    console.note(f"The agents of {session.project.name} are stopped.")


def end_running_workflows(session: Session) -> None:
    """Stop the running workflows, so that their runs are closed and their STFs are processed."""
    from testbed.monitor_client.errors import MonitorRefused, MonitorUnavailable
    from testbed.output import console
    from testbed.run.stopping import StillRunning, stop_execution

    try:
        monitor = session.monitor()
        for row in monitor.running_executions(session.project.namespace):
            try:
                status = stop_execution(monitor, row["execution_id"])
            except StillRunning as error:
                console.warn(str(error))
            else:
                console.note(f"{row['execution_id']}: {status}")
    except (MonitorUnavailable, MonitorRefused) as error:
        console.warn(f"running workflows could not be stopped: {error}")
