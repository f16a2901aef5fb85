"""`testbed report`"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from testbed.commands.options import junit_option, with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session


@click.command()
@click.argument("execution", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@junit_option
@with_session
def report(session: Session, execution: str | None, as_json: bool, junit: Path | None) -> None:
    """Report on an execution that is over; the latest one if none is named.

    From its run record, else from the monitor. The exit code is that of the run.
    """
    from testbed.output import console
    from testbed.run.junit import write_junit
    from testbed.run.past_runs import find_report
    from testbed.run.run_list import find_runs, latest

    if execution is None:
        project = session.project
        known = find_runs(project.runs, project.namespace, session.monitor, limit=20)
        execution = latest(known).execution_id
    run_report = find_report(session.project.runs, execution, session.monitor)
    if junit:
        write_junit(junit, run_report)
    if as_json:
        console.result(json.dumps(run_report.as_json(), indent=2))
    else:
        console.result("\n".join(run_report.lines()))
    raise SystemExit(run_report.exit_code)
