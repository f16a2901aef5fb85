"""`testbed ls`"""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from testbed.commands.options import echo_docker_commands, testbed_options

HEADER = ("PROJECT", "NAMESPACE", "STATE", "AGENTS", "MONITOR", "FOLDER")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@testbed_options
def ls(
    as_json: bool,
    config_file: str,  # noqa: ARG001 - every command takes it
    namespace: str | None,
    verbose: bool,
) -> None:
    """List every testbed on this host.

    Those of other checkouts too; with --namespace that one alone.
    """
    from testbed.output import console
    from testbed.stack.testbeds import DockerHost, find_testbeds

    if verbose:
        echo_docker_commands()
    testbeds = [
        one
        for one in find_testbeds(DockerHost().containers())
        if namespace in (None, one.namespace)
    ]
    if as_json:
        console.result(json.dumps([asdict(one) for one in testbeds], indent=2))
    elif testbeds:
        rows = [
            [
                one.project,
                one.namespace,
                one.state,
                str(one.agents),
                one.monitor_url or "-",
                one.folder,
            ]
            for one in testbeds
        ]
        console.result(console.table(HEADER, rows))
    else:
        console.note("No testbed on this host. Start one: testbed up")
