"""`testbed stop`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.monitor_client.client import Monitor
    from testbed.stack.session import Session


@click.command()
@click.argument("execution", required=False)
@with_session
def stop(session: Session, execution: str | None) -> None:
    """Stop the running workflow gracefully; the agents stay."""
    from testbed.output import console
    from testbed.run.stopping import stop_execution

    monitor = session.monitor()
    running = [row["execution_id"] for row in monitor.running_executions(session.project.namespace)]
    if execution is None and not running:
        console.note("No workflow is running.")
        return
    if execution is not None and execution not in running:
        console.note(f"{execution} has ended: {ended(monitor, execution, running)}")
        return
    for execution_id in [execution] if execution else running:
        status = stop_execution(monitor, execution_id)
        console.note(f"{execution_id}: {status}")


def ended(monitor: Monitor, execution_id: str, running: list[str]) -> str:
    """The status of an execution that does not run.

    :raises ConfigurationError: there is no such execution
    """
    from swf_common.errors import ConfigurationError
    from testbed.monitor_client.errors import MonitorRefused

    try:
        return str(monitor.execution(execution_id)["status"])
    except MonitorRefused as error:
        if error.status != 404:
            raise
        raise ConfigurationError(
            place=execution_id,
            problem="is not known; "
            + (f"running: {', '.join(running)}" if running else "no workflow is running"),
        ) from error
