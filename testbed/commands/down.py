"""`testbed down`"""

from __future__ import annotations

import click

from testbed.commands.options import open_session, testbed_options


@click.command()
@click.option("--volumes", is_flag=True, help="Remove the data too: database, broker, files.")
@testbed_options
def down(volumes: bool, config_file: str, namespace: str | None, verbose: bool) -> None:
    """Remove every container and network of the testbed."""
    from testbed import console

    session = open_session(config_file, verbose=verbose, namespace=namespace)
    with session.lock():
        session.initialise()
        session.check_owner()
        session.compose.down(volumes=volumes)
    console.note(f"{session.project.name} is down.")
