"""`testbed stop`"""

from __future__ import annotations

import click

from testbed.commands.options import open_session, testbed_options


@click.command()
@click.argument("execution", required=False)
@testbed_options
def stop(execution: str | None, config_file: str, namespace: str | None, verbose: bool) -> None:
    """Stop the running workflow gracefully; the agents stay."""
    from testbed import console
    from testbed.errors import ConfigurationError
    from testbed.running import stop_execution

    session = open_session(config_file, verbose=verbose, namespace=namespace)
    monitor = session.monitor()
    running = [row["execution_id"] for row in monitor.running_executions(session.project.namespace)]
    if execution is None and not running:
        console.note("No workflow is running.")
        return
    if execution is not None and execution not in running:
        raise ConfigurationError(
            place=execution,
            problem="is not running; "
            + (f"running: {', '.join(running)}" if running else "no workflow is"),
        )
    for execution_id in [execution] if execution else running:
        status = stop_execution(monitor, execution_id)
        console.note(f"{execution_id}: {status}")
