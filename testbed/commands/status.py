"""`testbed status`"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_session
def status(session: Session, as_json: bool) -> None:
    """Say how the testbed is: backend, agents, running workflow."""
    from testbed.output import console
    from testbed.stack.status import read_status

    present = read_status(session)
    if as_json:
        console.result(json.dumps(present.as_json(), indent=2))
    else:
        console.result("\n".join(present.lines()))
    raise SystemExit(present.exit_code)
