"""`testbed status`"""

from __future__ import annotations

import json

import click

from testbed.commands.options import open_session, testbed_options


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@testbed_options
def status(as_json: bool, config_file: str, namespace: str | None, verbose: bool) -> None:
    """Say how the testbed is: backend, agents, running workflow."""
    from testbed.output import console
    from testbed.stack.status import read_status

    session = open_session(config_file, verbose=verbose, namespace=namespace)
    present = read_status(session)
    if as_json:
        console.result(json.dumps(present.as_json(), indent=2))
    else:
        console.result("\n".join(present.lines()))
    raise SystemExit(present.exit_code)
