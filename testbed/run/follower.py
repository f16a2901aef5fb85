"""Running a workflow: start, follow, keep containers alive, wait until drained."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from swf_common.errors import BackendError, ExitCode, TestbedError
from swf_common.protocol.message import utc_now
from swf_common.protocol.progress import Progress
from testbed.engine.containers import EngineRefused, EngineUnavailable
from testbed.gate.waiting import Gate
from testbed.monitor_client.errors import MonitorRefused, MonitorUnavailable
from testbed.output import console
from testbed.run.drain import DrainState, drain_state
from testbed.run.incidents import Incident
from testbed.run.polling import POLL_S, pause_s
from testbed.run.progress_line import progress_line
from testbed.run.stopping import STOP_TIMEOUT_S
from testbed.run.watch import Watch

WATCH_INTERVAL_S = 1.0
"""Seconds between two looks at the containers."""
SILENCE_INTERVAL_S = 2.0
"""Seconds between two looks at the heartbeats of the agents: a silence of a few seconds shows."""
OUTAGE_TIMEOUT_S = 120.0
"""Seconds for which the monitor, or the engine, may be away in mid-run."""
MAX_CRASHES_IN_A_ROW = 3


class CrashLoop(TestbedError):
    """{program} has crashed {times} times in a row, each time soon after its start ({how}).

    The run is given up.
    """

    exit_code = ExitCode.AGENT_DIED


@dataclass
class Outage:
    """The time since which a part of the testbed has not answered."""

    program: str
    began: float | None = None
    cause: str = ""


@dataclass
class RunFollower:
    """Follows one execution.

    Whatever happens to a container of the plan is an incident of the run. A container that died,
    and that the engine does not start again, is started here, so that its work is done.

    :param planned: STFs that the configuration asks for; 0 where it does not say
    """

    execution_id: str
    gate: Gate
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wall_clock: Callable[[], datetime] = utc_now
    planned: int = 0
    progress: Progress | None = None
    _watched_at: float = float("-inf")
    _listened_at: float = float("-inf")
    _answer_s: float = 0.0
    _recorded: list[dict[str, Any]] = field(default_factory=list)
    _monitor: Outage = field(default_factory=lambda: Outage("monitor"))
    _engine: Outage = field(default_factory=lambda: Outage("the Docker engine"))

    @cached_property
    def watch(self) -> Watch:
        """Watches the containers; created when it is first needed."""
        plan = self.gate.plan
        since = self.gate.containers.now()
        return Watch(frozenset(plan.services), frozenset(plan.backend), self.wall_clock, since)

    @property
    def last_progress(self) -> Progress:
        """The last progress that the monitor reported."""
        return self.progress or Progress.unknown(self.execution_id)

    @property
    def incidents(self) -> list[Incident]:
        return self.watch.incidents

    def begin(self) -> None:
        """Remember how the containers are before the workflow starts.

        :raises EngineUnavailable: no engine answers
        """
        self.watch.compare(self.gate.containers.all(), self.gate.containers.events)

    def follow(self) -> tuple[Progress, list[str]]:
        """Follow the execution until it has drained.

        :return: the last progress, and what was still open when waiting was given up
        :raises CrashLoop: see there
        :raises MonitorUnavailable: for longer than `OUTAGE_TIMEOUT_S`
        :raises EngineUnavailable: for as long
        """
        last: DrainState | None = None
        began = progressed_at = observed_at = self.clock()
        pause = POLL_S
        with console.Board() as board:
            while True:
                now = self._try_to_observe()
                if now is None:
                    board.show([f"  {self._outages()}; waiting for it"])
                    self.sleep(POLL_S)
                    continue
                # a time without an answer is not held against the run
                progressed_at += max(0.0, self.clock() - observed_at - 2 * pause)
                observed_at = self.clock()
                line = progress_line(now.progress, self.planned, now.open)
                board.show([line], stamp=f"{observed_at - began:5.0f} s")
                if now != last:
                    last, progressed_at = now, self.clock()
                waited = now.progress.status.final and self.clock() - progressed_at > now.timeout_s
                if not now.open or waited:
                    return now.progress, now.open
                pause = pause_s(self._answer_s, observed_at - began)
                self._pause(pause)

    def _pause(self, seconds: float) -> None:
        """Wait, and go on looking at the containers: a short absence would not be seen later."""
        end = self.clock() + seconds
        while (left := end - self.clock()) > WATCH_INTERVAL_S:
            self.sleep(WATCH_INTERVAL_S)
            self._try_to_watch()
        self.sleep(max(0.0, left))

    def give_up(self, reason: str) -> tuple[Progress, list[str]]:
        """Stop the workflow after following it has failed; the last progress if that fails too."""
        try:
            progress, items = self.stop()
        except (BackendError, MonitorRefused):
            progress, items = self.last_progress, []
        return progress, [reason, *items]

    def stop(self) -> tuple[Progress, list[str]]:
        """Stop the workflow gracefully and wait for its end; agents stay.

        :raises MonitorUnavailable, EngineUnavailable: for longer than `STOP_TIMEOUT_S`
        """
        end = self.clock() + STOP_TIMEOUT_S
        requested = False
        while True:
            try:
                requested = requested or self._request_stop()
                now = self._observe()
                if not now.open or self.clock() > end:
                    return now.progress, now.open
                with suppress(CrashLoop):
                    self._watch_containers()
            except (MonitorUnavailable, EngineUnavailable, EngineRefused) as error:
                if self.clock() > end:
                    console.warn(f"the workflow could not be stopped: {error}")
                    raise
            self.sleep(POLL_S)

    def _request_stop(self) -> bool:
        """Send the command to stop; True also after a refusal, which is not retried."""
        try:
            self.gate.monitor.stop_workflow(self.execution_id)
        except MonitorRefused as error:
            if error.status != 409:  # else it has ended meanwhile
                console.warn(f"the workflow could not be stopped: {error}")
        return True

    def close(self) -> list[dict[str, Any]]:
        """The incidents of the run, including those of its last moments and those that are not
        over.
        """
        with suppress(TestbedError):
            self.watch.compare(self.gate.containers.all(), self.gate.containers.events)
        for outage in (self._monitor, self._engine):
            self._end_outage(outage, over=False)
        return self._incident_reports()

    def _try_to_observe(self) -> DrainState | None:
        """How far the run has drained; None while monitor or engine do not answer."""
        now: DrainState | None = None
        self._try_to_watch()
        try:
            now = self._observe()
            self._end_outage(self._monitor, over=True)
        except MonitorUnavailable as error:
            self._tolerate(self._monitor, error)
        except (EngineUnavailable, EngineRefused) as error:
            self._tolerate(self._engine, error)
        return now

    def _try_to_watch(self) -> None:
        """Look at the containers, if the engine answers.

        :raises CrashLoop: see there
        """
        try:
            self._watch_containers()
            self._end_outage(self._engine, over=True)
        except (EngineUnavailable, EngineRefused) as error:  # an engine that restarts may refuse
            self._tolerate(self._engine, error)

    def _tolerate(self, outage: Outage, error: BackendError) -> None:
        """Note that a part does not answer.

        :raises BackendError: it has not answered for `OUTAGE_TIMEOUT_S` seconds
        """
        if outage.began is None:
            outage.began = self.clock()
        outage.cause = str(error.cause)
        if self.clock() - outage.began > OUTAGE_TIMEOUT_S:
            raise error

    def _end_outage(self, outage: Outage, *, over: bool) -> None:
        if outage.began is None:
            return
        began = self.wall_clock() - timedelta(seconds=self.clock() - outage.began)
        self.watch.outage(outage.program, began, outage.cause, over=over)
        outage.began = None

    def _outages(self) -> str:
        outages = [one for one in (self._engine, self._monitor) if one.began is not None]
        names = " and ".join(one.program for one in outages) or "the monitor"
        return f"{names} did not answer"

    def _watch_containers(self) -> None:
        """Look for incidents, and start dead containers again.

        :raises CrashLoop: see there
        """
        if self.clock() - self._watched_at < WATCH_INTERVAL_S:
            return
        containers = self.gate.containers
        new = self.watch.compare(containers.all(), containers.events)
        self._watched_at = self.clock()
        if self._monitor.began is None and (
            self._watched_at - self._listened_at >= SILENCE_INTERVAL_S
        ):
            self._listened_at = self._watched_at
            try:
                snapshot = self.gate.monitor.snapshot(self.gate.namespace)
            except MonitorUnavailable:
                pass
            else:
                new += self.watch.compare_heartbeats(self.gate.namespace, snapshot)
        for incident in new:
            console.warn(incident.text.partition(";")[0])
        self._record_incidents()
        self._refuse_loops()
        for container in self.watch.dead():
            try:
                containers.start(container.container_id)
            except EngineRefused as error:  # it is gone, or is being started already
                console.warn(f"{container.program} could not be started again: {error.cause}")

    def _refuse_loops(self) -> None:
        optional = {one.program for one in self.gate.plan.expected if not one.required}
        for container_id, times in self.watch.crashes_in_a_row().items():
            last = [one for one in self.incidents if one.container_id == container_id]
            if times > MAX_CRASHES_IN_A_ROW and last[-1].program not in optional:
                how = last[-1].signal or f"exit code {last[-1].exit_code}"
                how += ", out of memory" if last[-1].out_of_memory else ""
                program = last[-1].program
                hint = f"See its logs: testbed logs {program}"
                raise CrashLoop(program=program, times=times, how=how, hint=hint)

    def _record_incidents(self) -> None:
        """Store the incidents at the monitor, so that its pages show them during the run."""
        present = self._incident_reports()
        if present == self._recorded:
            return
        try:
            self.gate.monitor.record_incidents(self.execution_id, present)
        except (MonitorUnavailable, MonitorRefused):
            return  # it is tried again soon
        self._recorded = present

    def _incident_reports(self) -> list[dict[str, Any]]:
        """The incidents in the order of their time: one observation may find several."""
        return [one.as_json() for one in sorted(self.incidents, key=lambda one: one.at)]

    def _observe(self) -> DrainState:
        asked_at = self.clock()
        before = self.progress
        self.progress = self.gate.monitor.progress(self.execution_id)
        state = drain_state(self.gate, self.progress, before)
        self._answer_s = self.clock() - asked_at
        return state
