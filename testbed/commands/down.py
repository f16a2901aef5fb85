"""`testbed down`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from testbed.commands.options import echo_docker_commands, open_session, testbed_options

if TYPE_CHECKING:
    from testbed.stack.session import Session
    from testbed.stack.testbeds import Host


@click.command()
@click.option("--volumes", is_flag=True, help="Remove the data too: database, broker, files.")
@click.option("--all", "everything", is_flag=True, help="Every testbed of this host.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@testbed_options
def down(
    volumes: bool,
    everything: bool,
    yes: bool,
    config_file: str,
    namespace: str | None,
    verbose: bool,
) -> None:
    """Remove every container and network of the testbed.

    On a terminal it asks before it removes data or the testbeds of others.
    """
    from testbed.output import console

    ask = console.can_ask() and not yes
    if everything:
        from testbed.stack.testbeds import DockerHost

        if namespace is not None:
            raise click.UsageError("--all is every namespace: leave --namespace out")
        if volumes and not yes and not ask:
            raise click.UsageError(
                "--all --volumes removes the data of every testbed on this host, also those of "
                "others, and there is no terminal to ask: say --yes"
            )
        if verbose:
            echo_docker_commands()
        down_everywhere(DockerHost(), volumes=volumes, ask=ask)
    else:
        session = open_session(config_file, verbose=verbose, namespace=namespace)
        down_here(session, volumes=volumes, ask=ask)


def down_here(session: Session, *, volumes: bool, ask: bool) -> None:
    """Take one testbed down; if wanted, ask before its data are removed."""
    from testbed.output import console

    if volumes and ask:
        question = f"Remove the data of {session.project.name} too: database, broker, files?"
        if not click.confirm(question, err=True):
            console.note("Nothing is taken down. Without --volumes the data stay.")
            return
    with session.lock():
        session.initialise()
        session.check_owner()
        session.compose.down(volumes=volumes)
    console.note(f"{session.project.name} is down.")


def down_everywhere(host: Host, *, volumes: bool, ask: bool) -> None:
    """Take down every testbed of this host, after a question if wanted."""
    from testbed.output import console
    from testbed.stack.testbeds import find_testbeds, take_down_all

    testbeds = find_testbeds(host.containers())
    if not testbeds:
        console.note("No testbed on this host.")
        return
    for one in testbeds:
        console.note(f"  {one.project}: {one.state}, {one.agents} agents run, from {one.folder}")
    data = "with all their data" if volumes else "their data stay"
    if ask and not click.confirm(f"Take these {len(testbeds)} testbeds down, {data}?", err=True):
        console.note("Nothing is taken down.")
        return
    take_down_all(host, testbeds, volumes=volumes)
