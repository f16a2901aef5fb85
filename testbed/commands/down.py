"""`testbed down`"""

from __future__ import annotations

import sys

import click

from testbed.commands.options import echo_docker_commands, open_session, testbed_options


@click.command()
@click.option("--volumes", is_flag=True, help="Remove the data too: database, broker, files.")
@click.option("--all", "everything", is_flag=True, help="Every testbed of this host.")
@click.option("--yes", is_flag=True, help="With --all: do not ask.")
@testbed_options
def down(
    volumes: bool,
    everything: bool,
    yes: bool,
    config_file: str,
    namespace: str | None,
    verbose: bool,
) -> None:
    """Remove every container and network of the testbed."""
    from testbed import console

    if everything:
        if namespace is not None:
            raise click.UsageError("--all is every namespace: leave --namespace out")
        if verbose:
            echo_docker_commands()
        down_everywhere(volumes=volumes, ask=sys.stdin.isatty() and not yes)
        return
    if yes:
        raise click.UsageError("--yes goes with --all; nothing else asks")
    session = open_session(config_file, verbose=verbose, namespace=namespace)
    with session.lock():
        session.initialise()
        session.check_owner()
        session.compose.down(volumes=volumes)
    console.note(f"{session.project.name} is down.")


def down_everywhere(*, volumes: bool, ask: bool) -> None:
    """Take down every testbed of this host, after a question if wanted."""
    from testbed import console
    from testbed.testbeds import DockerHost, find_testbeds, take_down_all

    host = DockerHost()
    found = find_testbeds(host.containers())
    if not found:
        console.note("No testbed on this host.")
        return
    for one in found:
        console.note(f"  {one.project}: {one.state}, {one.agents} agents run, from {one.folder}")
    data = "with all their data" if volumes else "their data stay"
    if ask and not click.confirm(f"Take these {len(found)} testbeds down, {data}?", err=True):
        console.note("Nothing is taken down.")
        return
    take_down_all(host, found, volumes=volumes)
