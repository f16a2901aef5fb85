"""`testbed run`"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from testbed.commands.options import junit_option, open_session, set_option, testbed_options
from testbed.commands.up import bring_up

if TYPE_CHECKING:
    from testbed.errors import ExitCode
    from testbed.report import Report
    from testbed.session import Session
    from testbed.waiting import Gate


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
@testbed_options
def run(
    name: str | None,
    overrides: tuple[str, ...],
    duration: float | None,
    realtime: bool | None,
    timeout: float | None,
    stop_after: bool,
    as_json: bool,
    junit: Path | None,
    config_file: str,
    namespace: str | None,
    verbose: bool,
) -> None:
    """Run a workflow: start what it needs, wait until READY, run, drain, report.

    NAME is a workflow configuration (NAME.toml or NAME_default.toml in workflows/); without it
    the configuration file says what to run. Ctrl+C stops the workflow gracefully.
    """
    from testbed import console
    from testbed.errors import ConfigurationError
    from testbed.report import write_junit

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
    gate, ready_s = bring_up(session, timeout)
    report, exit_code = _execute(session, gate, ready_s)
    if junit:
        write_junit(junit, report)
    if as_json:
        console.result(json.dumps(report.as_json(), indent=2))
    else:
        console.result("\n".join(report.lines()))
    if stop_after:
        session.compose.stop(gate.plan.programs)
    raise SystemExit(exit_code)


def _execute(session: Session, gate: Gate, ready_s: float) -> tuple[Report, ExitCode]:
    """Start the workflow, follow it to its end; its report, and the exit code."""
    import time

    from testbed import console
    from testbed.errors import ExitCode, TestbedError
    from testbed.monitor_api import MonitorAway, MonitorRefused
    from testbed.report import Report, write_record
    from testbed.running import Run
    from testbed.session import git_version

    configuration = session.configuration
    workflow = configuration.workflow
    resolved: dict[str, Any] = {
        **configuration.resolved(),
        "git_version": git_version(session.project.root),
    }
    if not gate.check().ready:  # checked again just before the command is sent
        gate.wait()
    started = time.monotonic()
    execution_id = gate.monitor.start_workflow(
        {
            "workflow_name": workflow.name,
            "config": workflow.config,
            "realtime": workflow.realtime,
            "duration": workflow.duration,
            "resolved": resolved,
        }
    )
    console.note(f"Running {workflow.name} as {execution_id} ...")
    run = Run(execution_id, gate)
    exit_code: ExitCode | None = None
    try:
        progress, undrained = run.follow()
    except KeyboardInterrupt:
        exit_code = ExitCode.INTERRUPTED
        console.note("Stopping the workflow (Ctrl+C again to leave it as it is) ...")
        progress, undrained = run.stop()
    except TestbedError as error:
        if run.progress is None:
            raise
        exit_code = error.exit_code
        console.note(f"{error}\nStopping the workflow ...")
        progress, undrained = run.give_up(str(error))
    report = Report(
        namespace=configuration.namespace,
        progress=progress,
        ready_s=ready_s,
        duration_s=time.monotonic() - started,
        expect=configuration.expect,
        undrained=undrained,
        incidents=run.incidents,
        monitor_url=session.monitor_url() or "",
    )
    context = {
        "resolved": resolved,
        "images": {name: session.services[name].image for name in gate.plan.services},
        "gate": gate.history,
    }
    write_record(session.project.runs, report, context)
    code = report.exit_code if exit_code is None else exit_code
    try:
        gate.monitor.record_report(execution_id, report.verdict(code))
    except (MonitorAway, MonitorRefused) as error:
        console.warn(f"the monitor could not be told of this verdict: {error}")
    return report, code
