"""`testbed init`"""

from __future__ import annotations

import click

from testbed.commands.options import open_session, testbed_options


@click.command()
@testbed_options
def init(config_file: str, namespace: str | None, verbose: bool) -> None:
    """Make the secrets and .env; safe to repeat."""
    from testbed.output import console

    session = open_session(config_file, verbose=verbose, namespace=namespace)
    made = session.initialise()
    what = f"{len(made)} secrets made" if made else "nothing to do, all secrets exist"
    console.note(f"{session.project.name}: {what} (.testbed/{session.project.namespace}/secrets)")
