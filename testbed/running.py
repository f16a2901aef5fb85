"""Running a workflow: start, follow, keep agents alive, wait until drained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from testbed import console
from testbed.drain import Progress, open_items
from testbed.errors import ExitCode, TestbedError
from testbed.gate import AgentVerdict, Outcome
from testbed.monitor_api import Monitor, MonitorAway, MonitorRefused
from testbed.protocol.destinations import RECORDER
from testbed.waiting import Gate

POLL_S = 0.25
DRAIN_PATIENCE_S = 90.0
"""Seconds without any progress after which a run that has ended counts as not drained."""
IDLE_PATIENCE_S = 30.0
"""The same where no message waits and no agent is at work."""
STOP_PATIENCE_S = 30.0
AWAY_PATIENCE_S = 120.0
"""Seconds for which the monitor may be away in mid-run."""
MAX_REVIVALS = 3


class AgentKeepsDying(TestbedError):
    """{program} has died {times} times in this run (exit code {code}); it is not started again."""

    exit_code = ExitCode.AGENT_DIED


class Look(NamedTuple):
    """How a run was at a moment.

    :param open: what was not accounted for
    :param idle: nothing that could change that was under way at any agent, required or not
    """

    progress: Progress
    open: list[str]
    idle: bool

    @property
    def patience_s(self) -> float:
        """Seconds to wait for any progress once the workflow has ended."""
        return IDLE_PATIENCE_S if self.idle else DRAIN_PATIENCE_S


@dataclass
class Run:
    """One execution that is being followed.

    An agent of the plan whose container is dead is started again, so that its work is done;
    that is an incident of the run.
    """

    execution_id: str
    gate: Gate
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    incidents: list[str] = field(default_factory=list)
    progress: Progress | None = None
    _revivals: dict[str, int] = field(default_factory=dict)

    def follow(self) -> tuple[Progress, list[str]]:
        """Follow the execution until it has drained.

        :return: the last progress, and what was still open when waiting was given up
        :raises AgentKeepsDying: see there
        :raises MonitorAway: for longer than `AWAY_PATIENCE_S`
        """
        last: Look | None = None
        moved = answered = self.clock()
        with console.Board() as board:
            while True:
                try:
                    now = self._look()
                except MonitorAway:
                    if self.clock() - answered > AWAY_PATIENCE_S:
                        raise
                    board.show(["  the monitor does not answer; waiting for it"])
                    self._revive()
                    self.sleep(POLL_S)
                    continue
                moved += max(0.0, self.clock() - answered - 2 * POLL_S)  # not held against the run
                answered = self.clock()
                board.show([progress_line(now.progress)])
                if now != last:
                    last, moved = now, self.clock()
                waited = now.progress.status.final and self.clock() - moved > now.patience_s
                if not now.open or waited:
                    return now.progress, now.open
                self._revive()
                self.sleep(POLL_S)

    def give_up(self, reason: str) -> tuple[Progress, list[str]]:
        """Stop the workflow after following it has failed; what was last seen if that fails too."""
        try:
            progress, items = self.stop()
        except (MonitorAway, MonitorRefused):
            assert self.progress is not None
            progress, items = self.progress, []
        return progress, [reason, *items]

    def stop(self) -> tuple[Progress, list[str]]:
        """Stop the workflow gracefully and wait for its end; agents stay."""
        try:
            self.gate.monitor.stop_workflow(self.execution_id)
        except MonitorRefused as error:
            if error.status == 409:  # it has ended meanwhile
                now = self._look()
                return now.progress, now.open
            console.warn(f"the workflow could not be stopped: {error}")
        except MonitorAway as error:
            console.warn(f"the workflow could not be stopped: {error}")
        end = self.clock() + STOP_PATIENCE_S
        while True:
            try:
                now = self._look()
                if not now.open or self.clock() > end:
                    return now.progress, now.open
            except MonitorAway:
                if self.clock() > end:
                    raise
            self.sleep(POLL_S)

    def _look(self) -> Look:
        progress = self.gate.monitor.progress(self.execution_id)
        self.progress = progress
        if not progress.status.final:
            return Look(progress, open_items(progress, (), None, ()), idle=False)
        queues, _ = self.gate.monitor.backlog()
        busy = [
            agent
            for agent in self.gate.check().agents
            if agent.outcome != Outcome.READY
            or (agent.agent and agent.agent.operational_state != "READY")
        ]
        plan = self.gate.plan
        own = queues and self._queues_of(plan.required, queues)
        if own is not None and not any(f"-{RECORDER}." in queue["queue"] for queue in own):
            own = None  # the recorder has never consumed: what was sent is not recorded
        required = [agent.program for agent in busy if agent.required]
        items = open_items(progress, plan.accounts, own, required)
        idle = (
            own is not None
            and not any(queue["depth"] for queue in self._queues_of(plan.programs, queues or ()))
            and all(map(_has_left, busy))
            and not progress.lacks_end  # the recorder sends it, when it trusts itself again
        )
        return Look(progress, items, idle)

    def _queues_of(
        self, programs: Iterable[str], queues: Iterable[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The queues of programs and of the recorder."""
        prefixes = tuple(
            f"Consumer.{self.gate.namespace}-{program}." for program in (*programs, RECORDER)
        )
        return [queue for queue in queues if queue["queue"].startswith(prefixes)]

    def _revive(self) -> None:
        programs = self.gate.plan.required
        for container in self.gate.containers.all():
            if container.program not in programs or container.state not in ("exited", "dead"):
                continue
            if container.exit_code == 0:  # somebody has stopped it on purpose
                continue
            times = self._revivals.get(container.container_id, 0) + 1
            if times > MAX_REVIVALS:
                raise AgentKeepsDying(
                    program=container.program, times=times, code=container.exit_code
                )
            self._revivals[container.container_id] = times
            incident = (
                f"{container.program} died in mid-run (exit code {container.exit_code}); "
                f"container {container.container_id[:12]} was started again"
            )
            self.incidents.append(incident)
            console.warn(incident)
            self.gate.containers.start(container.container_id)


def _has_left(agent: AgentVerdict) -> bool:
    """Whether an agent that is not READY was stopped on purpose: it does not come back."""
    container = agent.container
    return container is not None and container.state == "exited" and container.exit_code == 0


def progress_line(progress: Progress) -> str:
    """Where a run stands, in one line."""
    stf = progress.stf
    failed = f", {stf['failed']} failed" if stf["failed"] else ""
    made = progress.slices
    slices = f"; slices {made['completed']} of {made['created']}" if made["created"] else ""
    return (
        f"  {progress.status}: STFs {stf['generated']} generated, "
        f"{stf['registered']} registered, {stf['processed']} processed{failed}{slices}"
    )


def stop_execution(
    monitor: Monitor,
    execution_id: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Stop an execution and wait for its end; its status."""
    monitor.stop_workflow(execution_id)
    end = clock() + STOP_PATIENCE_S
    while True:
        progress = monitor.progress(execution_id)
        if progress.status.final or clock() > end:
            return progress.status
        sleep(POLL_S)
