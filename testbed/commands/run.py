"""`testbed run`"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from testbed.commands.options import (
    force_option,
    junit_option,
    open_session,
    set_option,
    testbed_options,
)
from testbed.commands.up import bring_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from testbed.gate.waiting import Gate
    from testbed.run.report import Report
    from testbed.stack.session import Session


@click.command()
@click.argument("name", required=False)
@set_option
@click.option("--duration", type=click.FloatRange(min=0), metavar="S", help="Simulated seconds.")
@click.option("--realtime/--no-realtime", default=None, help="Real time, or as fast as possible.")
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="S", help="Seconds to wait at the gate."
)
@click.option("--stop-agents", "stop_after", is_flag=True, help="Stop the agents afterwards.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@junit_option
@force_option
@testbed_options
def run(
    stop_after: bool,
    as_json: bool,
    junit: Path | None,
    **options: Any,
) -> None:
    """Run a workflow: start what it needs, wait until READY, run, drain, report.

    NAME is a workflow configuration (NAME.toml or NAME_default.toml in workflows/); without it
    the configuration file says what to run. Ctrl+C stops the workflow gracefully.
    """
    from swf_common.errors import ExitCode, TestbedError
    from testbed.monitor_client.errors import RunnerSilent
    from testbed.output import console
    from testbed.run.junit import write_junit, write_unfinished
    from testbed.run.report import without_a_run

    if junit:  # if the command is killed, an earlier run's file must not pass for its own
        write_unfinished(junit, "testbed run did not come to its end")
    try:
        session, gate, report = _run(**options)
    except (TestbedError, KeyboardInterrupt) as error:
        code = error.exit_code if isinstance(error, TestbedError) else ExitCode.INTERRUPTED
        reason = str(error) or "before the workflow was started"
        outcome = without_a_run(code, reason, unknown=isinstance(error, RunnerSilent))
        if junit:
            write_unfinished(junit, outcome["verdict"])
        if as_json:
            console.result(json.dumps(outcome, indent=2))
        raise
    if as_json:
        console.result(json.dumps(report.as_json(), indent=2))
    else:
        console.result("\n".join(report.lines()))
    if junit:
        write_junit(junit, report)
    if stop_after:
        _stop_agents(session, gate.plan.programs)
    raise SystemExit(report.exit_code)


def _run(
    name: str | None,
    overrides: tuple[str, ...],
    duration: float | None,
    realtime: bool | None,
    timeout: float | None,
    force: bool,
    config_file: str,
    namespace: str | None,
    verbose: bool,
) -> tuple[Session, Gate, Report]:
    """Bring the testbed up and run the workflow."""
    from contextlib import ExitStack

    from swf_common.errors import ConfigurationError
    from testbed.run.execution import execute

    session = open_session(
        config_file,
        verbose=verbose,
        name=name,
        overrides=overrides,
        namespace=namespace,
        duration=duration,
        realtime=realtime,
    )
    if not session.configuration.enabled_agents:
        raise ConfigurationError(
            place=config_file,
            problem="no agent is enabled, so nothing can run a workflow",
            hint="Enable one:  [agents.data]  and below it  enabled = true",
        )
    with ExitStack() as following:
        marks: list[Callable[[str], object]] = []

        def mark() -> None:
            marks.append(following.enter_context(session.project.following()))

        gate, ready_s = bring_up(session, timeout, force=force, started=mark)
        return session, gate, execute(session, gate, ready_s, marks[0])


def _stop_agents(session: Session, programs: tuple[str, ...]) -> None:
    """Stop the run's agents, unless another run has begun meanwhile."""
    from swf_common.errors import TestbedError
    from testbed.output import console

    try:
        with session.lock():
            others = session.runs_in_progress()
            if others:
                console.warn(f"the agents stay: {', '.join(others)} is in progress")
            else:
                session.compose.stop(programs)
    except (TestbedError, KeyboardInterrupt) as error:
        console.warn(f"the agents were not stopped: {error or 'interrupted'}")
