"""Running a workflow: start, follow, keep containers alive, wait until drained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from swf_common.errors import BackendError, ExitCode, TestbedError
from swf_common.protocol.destinations import RECORDER
from swf_common.protocol.message import utc_now
from swf_common.protocol.progress import Progress, open_items
from testbed.engine.containers import EngineRefused, NoEngine
from testbed.gate.decision import AgentVerdict, Outcome
from testbed.gate.waiting import Gate
from testbed.monitor_client.client import MonitorAway, MonitorRefused
from testbed.output import console
from testbed.run.incidents import Incident
from testbed.run.progress_line import progress_line
from testbed.run.stopping import STOP_PATIENCE_S
from testbed.run.watch import Watch

POLL_S = 0.25
WATCH_S = 1.0
"""Seconds between two looks at the containers."""
DRAIN_PATIENCE_S = 90.0
"""Seconds without any progress after which a run that has ended counts as not drained."""
IDLE_PATIENCE_S = 30.0
"""The same where no message waits and no agent is at work."""
AWAY_PATIENCE_S = 120.0
"""Seconds for which the monitor, or the engine, may be away in mid-run."""
MAX_CRASHES_IN_A_ROW = 3


class KeepsDying(TestbedError):
    """{program} has crashed {times} times in a row, each time soon after its start ({how}).

    The run is given up.
    """

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
class Outage:
    """The time since which a part of the testbed has not answered."""

    program: str
    began: float | None = None
    cause: str = ""


@dataclass
class Run:
    """One execution that is being followed.

    Whatever happens to a container of the plan is an incident of the run. One that died, and that
    the engine does not start again, is started again here, so that its work is done.

    :param planned: STFs that the configuration asks for; 0 where it leaves them open
    """

    execution_id: str
    gate: Gate
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wall_clock: Callable[[], datetime] = utc_now
    planned: int = 0
    progress: Progress | None = None
    _watched: float = float("-inf")
    _recorded: list[dict[str, Any]] = field(default_factory=list)
    _monitor: Outage = field(default_factory=lambda: Outage("monitor"))
    _engine: Outage = field(default_factory=lambda: Outage("the Docker engine"))

    @cached_property
    def watch(self) -> Watch:
        """What happens to the containers; it begins when it is first asked for."""
        plan = self.gate.plan
        since = self.gate.containers.now()
        return Watch(frozenset(plan.services), frozenset(plan.backend), self.wall_clock, since)

    @property
    def seen(self) -> Progress:
        """The last progress that was seen."""
        return self.progress or Progress.unknown(self.execution_id)

    @property
    def incidents(self) -> list[Incident]:
        return self.watch.incidents

    def begin(self) -> None:
        """Remember how the containers are before the workflow starts.

        :raises NoEngine: no engine answers
        """
        self.watch.take(self.gate.containers.all(), self.gate.containers.events)

    def follow(self) -> tuple[Progress, list[str]]:
        """Follow the execution until it has drained.

        :return: the last progress, and what was still open when waiting was given up
        :raises KeepsDying: see there
        :raises MonitorAway: for longer than `AWAY_PATIENCE_S`
        :raises NoEngine: for as long
        """
        last: Look | None = None
        began = moved = looked = self.clock()
        with console.Board() as board:
            while True:
                now = self._try_to_look()
                if now is None:
                    board.show([f"  {self._away()}; waiting for it"])
                    self.sleep(POLL_S)
                    continue
                moved += max(0.0, self.clock() - looked - 2 * POLL_S)  # not held against the run
                looked = self.clock()
                line = progress_line(now.progress, self.planned, now.open)
                board.show([line], stamp=f"{looked - began:5.0f} s")
                if now != last:
                    last, moved = now, self.clock()
                waited = now.progress.status.final and self.clock() - moved > now.patience_s
                if not now.open or waited:
                    return now.progress, now.open
                self.sleep(POLL_S)

    def give_up(self, reason: str) -> tuple[Progress, list[str]]:
        """Stop the workflow after following it has failed; what was last seen if that fails too."""
        try:
            progress, items = self.stop()
        except (BackendError, MonitorRefused):
            progress, items = self.seen, []
        return progress, [reason, *items]

    def stop(self) -> tuple[Progress, list[str]]:
        """Stop the workflow gracefully and wait for its end; agents stay.

        :raises MonitorAway, NoEngine: for longer than `STOP_PATIENCE_S`
        """
        end = self.clock() + STOP_PATIENCE_S
        asked = False
        while True:
            try:
                asked = asked or self._ask_to_stop()
                now = self._look()
                if not now.open or self.clock() > end:
                    return now.progress, now.open
                with suppress(KeepsDying):
                    self._watch_containers()
            except (MonitorAway, NoEngine, EngineRefused) as error:
                if self.clock() > end:
                    console.warn(f"the workflow could not be stopped: {error}")
                    raise
            self.sleep(POLL_S)

    def _ask_to_stop(self) -> bool:
        """Send the command to stop; True, since a refusal is not asked for again either."""
        try:
            self.gate.monitor.stop_workflow(self.execution_id)
        except MonitorRefused as error:
            if error.status != 409:  # else it has ended meanwhile
                console.warn(f"the workflow could not be stopped: {error}")
        return True

    def close(self) -> list[dict[str, Any]]:
        """The incidents of the run, with those of its last moments and those that are not over."""
        with suppress(TestbedError):
            self.watch.take(self.gate.containers.all(), self.gate.containers.events)
        for outage in (self._monitor, self._engine):
            self._end_outage(outage, over=False)
        return self._told()

    def _try_to_look(self) -> Look | None:
        """How the run is; None while monitor or engine do not answer."""
        now: Look | None = None
        try:
            self._watch_containers()
            self._end_outage(self._engine, over=True)
        except (NoEngine, EngineRefused) as error:  # an engine that restarts may answer with 500
            self._go_on_without(self._engine, error)
        try:
            now = self._look()
            self._end_outage(self._monitor, over=True)
        except MonitorAway as error:
            self._go_on_without(self._monitor, error)
        except (NoEngine, EngineRefused) as error:
            self._go_on_without(self._engine, error)
        return now

    def _go_on_without(self, outage: Outage, error: BackendError) -> None:
        """Have patience with a part that does not answer.

        :raises BackendError: for too long
        """
        if outage.began is None:
            outage.began = self.clock()
        outage.cause = str(error.cause)
        if self.clock() - outage.began > AWAY_PATIENCE_S:
            raise error

    def _end_outage(self, outage: Outage, *, over: bool) -> None:
        if outage.began is None:
            return
        began = self.wall_clock() - timedelta(seconds=self.clock() - outage.began)
        self.watch.outage(outage.program, began, outage.cause, over=over)
        outage.began = None

    def _away(self) -> str:
        away = [one for one in (self._engine, self._monitor) if one.began is not None]
        names = " and ".join(one.program for one in away) or "the monitor"
        return f"{names} did not answer"

    def _watch_containers(self) -> None:
        """Look for incidents, and start again what died and stays down.

        :raises KeepsDying: see there
        """
        if self.clock() - self._watched < WATCH_S:
            return
        containers = self.gate.containers
        new = self.watch.take(containers.all(), containers.events)
        self._watched = self.clock()
        if self._monitor.began is None:
            try:
                snapshot = self.gate.monitor.snapshot(self.gate.namespace)
            except MonitorAway:
                pass
            else:
                new += self.watch.take_heartbeats(self.gate.namespace, snapshot)
        for incident in new:
            console.warn(incident.text.partition(";")[0])
        self._record_incidents()
        self._refuse_loops()
        for container in self.watch.dead():
            try:
                containers.start(container.container_id)
            except EngineRefused as error:  # it is gone, or somebody else is starting it
                console.warn(f"{container.program} could not be started again: {error.cause}")

    def _refuse_loops(self) -> None:
        optional = {one.program for one in self.gate.plan.expected if not one.required}
        for container_id, times in self.watch.crashes_in_a_row().items():
            last = [one for one in self.incidents if one.container_id == container_id]
            if times > MAX_CRASHES_IN_A_ROW and last[-1].program not in optional:
                how = last[-1].signal or f"exit code {last[-1].exit_code}"
                how += ", out of memory" if last[-1].out_of_memory else ""
                program = last[-1].program
                hint = f"Look at its logs with: testbed logs {program}"
                raise KeepsDying(program=program, times=times, how=how, hint=hint)

    def _record_incidents(self) -> None:
        """Keep the incidents at the monitor, so that its pages show them while the run goes on."""
        present = self._told()
        if present == self._recorded:
            return
        try:
            self.gate.monitor.record_incidents(self.execution_id, present)
        except (MonitorAway, MonitorRefused):
            return  # it is tried again at the next look
        self._recorded = present

    def _told(self) -> list[dict[str, Any]]:
        """The incidents in the order of their time: one look may find several at once."""
        return [one.as_json() for one in sorted(self.incidents, key=lambda one: one.at)]

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
        required = [_state(agent) for agent in busy if agent.required]
        items = open_items(progress, plan.stages, own, required)
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


def _state(agent: AgentVerdict) -> str:
    """Why an agent keeps a run open; without a time, which would look like progress."""
    return f"{agent.program} is {'at work' if agent.outcome == Outcome.READY else 'not READY'}"


def _has_left(agent: AgentVerdict) -> bool:
    """Whether an agent that is not READY was stopped on purpose: it does not come back."""
    container = agent.container
    return container is not None and container.state == "exited" and container.exit_code == 0
