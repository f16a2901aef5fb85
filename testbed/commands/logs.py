"""`testbed logs`"""

from __future__ import annotations

import click

from testbed.commands.options import open_session, testbed_options


@click.command()
@click.argument("programs", nargs=-1, metavar="[PROGRAM]...")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
@click.option("--since", metavar="TIME", help="A time stamp, or an age such as 10m.")
@click.option("--tail", metavar="N", help="Only the last N lines of each.")
@testbed_options
def logs(
    programs: tuple[str, ...],
    follow: bool,
    since: str | None,
    tail: str | None,
    config_file: str,
    namespace: str | None,
    verbose: bool,
) -> None:
    """Show the logs of programs, or of all."""
    from testbed.configuration.suggestions import nearest
    from testbed.errors import ConfigurationError

    session = open_session(config_file, verbose=verbose, namespace=namespace)
    for program in programs:
        if program not in session.services:
            raise ConfigurationError(
                place=program,
                problem="compose.yaml has no such service; " + nearest(program, session.services),
            )
    session.compose.logs(programs, follow=follow, since=since, tail=tail)
