"""`testbed stop-agents`"""

from __future__ import annotations

import click

from testbed.commands.options import open_session, testbed_options


@click.command("stop-agents")
@testbed_options
def stop_agents(config_file: str, namespace: str | None, verbose: bool) -> None:
    """Stop every agent; the backend stays. A running workflow is ended first."""
    from testbed import console

    session = open_session(config_file, verbose=verbose, namespace=namespace)
    agents = [name for name, service in session.services.items() if service.role == "agent"]
    with session.lock():
        session.check_owner()
        session.compose.stop(agents)
    console.note(f"The agents of {session.project.name} are stopped.")
