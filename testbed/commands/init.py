"""`testbed init`"""

from __future__ import annotations

import click

from testbed.commands.options import open_session, testbed_options


@click.command()
@testbed_options
def init(config_file: str, namespace: str | None, verbose: bool) -> None:
    """Make the secrets and .env; safe to repeat.

    In a folder without a compose.yaml it lays down the testbed's files first, where the command
    was installed from a wheel. It overwrites none.
    """
    from testbed.output import console
    from testbed.project import COMPOSE_FILE, PACKAGED, ROOT
    from testbed.stack.project_files import lay_down

    if not (ROOT / COMPOSE_FILE).exists():
        laid = lay_down(PACKAGED, ROOT)
        console.note(f"Laid down in {ROOT}: {', '.join(laid.entries)} ({len(laid.made)} files)")
        if laid.kept:
            names = ", ".join(map(str, laid.kept))
            console.warn(f"these were there and stay, though they differ: {names}")
    session = open_session(config_file, verbose=verbose, namespace=namespace)
    made = session.initialise()
    what = f"{len(made)} secrets made" if made else "nothing to do, all secrets exist"
    console.note(f"{session.project.name}: {what} (.testbed/{session.project.namespace}/secrets)")
