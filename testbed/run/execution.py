"""One execution from the run command to its report: what `testbed run` does once all is READY."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from swf_common.configuration.model import flat_parameters
from swf_common.errors import ExitCode, TestbedError
from swf_common.protocol.progress import Progress, planned_stfs
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import MonitorRefused, MonitorUnavailable
from testbed.output import console
from testbed.run.follower import RunFollower
from testbed.run.record import write_record
from testbed.run.report import Report

if TYPE_CHECKING:
    from testbed.gate.waiting import Gate
    from testbed.stack.session import Session

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
LEFT = "left as it was after a second Ctrl+C"


class Ending(NamedTuple):
    """How following a run ended.

    :param undrained: what was open
    :param ended_by: what ended the command, if not the run
    """

    progress: Progress
    undrained: list[str]
    ended_by: ExitCode | None


def execute(session: Session, gate: Gate, ready_s: float, named: Callable[[str], object]) -> Report:
    """Start the workflow and follow it to its end; its report, which is recorded.

    :param ready_s: seconds that the agents took to be ready
    :param named: called with the execution's id
    :raises TestbedError: the workflow could not be started
    """
    configuration = session.configuration
    workflow = configuration.workflow
    resolved: dict[str, Any] = {
        **gate.plan.resolved(configuration),
        "git_version": git_version(session.project.root),
    }
    if not gate.check().ready:  # checked again just before the command is sent
        gate.wait()
    run = RunFollower("", gate, planned=planned_stfs(flat_parameters(resolved)))
    run.begin()
    started = time.monotonic()
    command = {
        "workflow_name": workflow.name,
        "config": workflow.config,
        "realtime": workflow.realtime,
        "duration": workflow.duration,
        "resolved": resolved,
    }
    run.execution_id, interrupted = _start(gate.monitor, command)
    console.note(f"Running {workflow.name} as {run.execution_id} ...")
    named(run.execution_id)
    progress, undrained, ended_by = _stop(run) if interrupted else _follow(run)
    report = Report(
        namespace=configuration.namespace,
        progress=progress,
        ready_s=ready_s,
        duration_s=time.monotonic() - started,
        expect=configuration.expect,
        undrained=undrained,
        incidents=run.close(),
        ended_by=ended_by,
    )
    context = {
        "resolved": resolved,
        "images": {name: session.services[name].image for name in gate.plan.services},
        "gate": gate.history,
    }
    try:
        write_record(session.project.runs, report, context)
    except OSError as error:  # the verdict is more important
        report.run_record = ""
        console.warn(f"the run record could not be written: {error}")
    _tell_monitor(session, gate, report)
    return report


def _start(monitor: Monitor, command: dict[str, Any]) -> tuple[str, bool]:
    """Start the workflow; its execution id, and whether the user has interrupted the command.

    An interrupt waits for the answer: without it the started workflow could not be stopped.
    """
    with interrupts_deferred() as interrupts:
        execution_id = monitor.start_workflow(command)
    return execution_id, bool(interrupts)


@contextmanager
def interrupts_deferred() -> Iterator[list[int]]:
    """Collect the signals that would interrupt the command, until the end of the block."""
    received: list[int] = []

    def remember(number: int, _frame: object) -> None:
        received.append(number)

    before = {number: signal.signal(number, remember) for number in INTERRUPTS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(run: RunFollower) -> Ending:
    """Follow a run to its end, or until something ends the command."""
    try:
        return Ending(*run.follow(), None)
    except KeyboardInterrupt:
        return _stop(run)
    except TestbedError as error:
        console.note(f"{error}\nStopping the workflow ...")
        try:
            return Ending(*run.give_up(str(error)), error.exit_code)
        except KeyboardInterrupt:
            return Ending(run.last_progress, [str(error), LEFT], error.exit_code)


def _stop(run: RunFollower) -> Ending:
    """Stop a run that the user has interrupted."""
    console.note("Stopping the workflow (Ctrl+C again to leave it as it is) ...")
    try:
        return Ending(*run.stop(), ExitCode.INTERRUPTED)
    except KeyboardInterrupt:
        return Ending(run.last_progress, [LEFT], ExitCode.INTERRUPTED)
    except TestbedError as error:
        return Ending(run.last_progress, [str(error)], ExitCode.INTERRUPTED)


def _tell_monitor(session: Session, gate: Gate, report: Report) -> None:
    """Store the verdict at the monitor, and find the address of its pages."""
    try:
        gate.monitor.record_report(report.progress.execution_id, report.for_monitor())
        report.monitor_url = session.monitor_url() or ""
    except (MonitorUnavailable, MonitorRefused) as error:
        console.warn(f"the monitor did not take this verdict: {error}")
    except TestbedError as error:  # the engine does not answer: the report is more important
        console.warn(str(error))


def git_version(root: Path) -> dict[str, str | bool]:
    """The revision that is at work: commit, branch, and whether files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        try:
            result = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:  # it is not installed
            return ""
        return result.stdout.strip() if result.returncode == 0 else ""

    commit = git("rev-parse", "HEAD")
    if not commit:
        return {}
    branch = git("rev-parse", "--abbrev-ref", "HEAD")
    return {"commit": commit, "branch": branch, "dirty": bool(git("status", "--porcelain"))}
