"""`testbed runs`"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many."
)
@with_session
def runs(session: Session, as_json: bool, limit: int) -> None:
    """List the runs of this namespace, the newest first.

    Those with a record in this checkout, and those of everybody that the monitor knows.
    """
    from testbed.output import console
    from testbed.run.run_list import HEADER, find_runs

    listed = find_runs(session.project.runs, session.project.namespace, session.monitor, limit)
    if as_json:
        console.result(json.dumps([run.as_json() for run in listed], indent=2))
    elif listed:
        console.result(console.table(HEADER, [run.cells() for run in listed]))
    else:
        console.note("No runs yet. Start one: testbed run")
