"""Detects incidents: what happens to the containers of a run.

A container that dies is mostly back within a second, because the engine starts it again. So its
state does not show the death. Its start time does: it differs from the one at the run's start. The
engine's events add the exit code, which a restarted container has lost.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from swf_common.protocol.heartbeat import is_stale
from swf_common.protocol.states import CONTAINER_DIED, CONTAINER_ENDED
from testbed.engine.inspection import Container, LifeEvent
from testbed.gate.decision import SETTLED_S, newest_agent
from testbed.monitor_client.snapshot import Snapshot
from testbed.run.incidents import Incident, Kind

ON_PURPOSE = (0, 128 + signal.SIGTERM)
"""Exit codes of a container that was asked to stop."""
AFTERMATH = timedelta(seconds=20)
"""So long after one part was back, the silence of others still counts as its consequence."""
UNNOTICED_S = 5.0
"""Shorter outages are not incidents."""

Events = Callable[[datetime], Iterable[LifeEvent]]
"""The events of the project's containers since a moment, oldest first."""


@dataclass
class _Lifecycle:
    """A container as it was last seen.

    :param death_recorded: its present death is an incident already
    :param started_at: start of the lifecycle that is judged
    :param crashes: deaths in a row by its own fault that came within `SETTLED_S` seconds of a
        start: SIGKILL without a lack of memory comes from outside
    """

    container: Container
    death_recorded: bool
    started_at: datetime | None
    absence: Incident | None = None
    silent: Incident | None = None
    crashes: int = 0


@dataclass
class Watch:
    """Detects incidents by comparing the containers with those at the run's start.

    :param programs: the services that the run needs
    :param backend: those of them whose absence silences others too
    :param now: the present time, for what the engine does not date
    :param since: the engine's events count from this moment on
    """

    programs: frozenset[str]
    backend: frozenset[str]
    now: Callable[[], datetime]
    since: datetime
    incidents: list[Incident] = field(default_factory=list)
    _lifecycles: dict[str, _Lifecycle] = field(default_factory=dict)
    _removed: dict[str, Incident] = field(default_factory=dict)

    def compare(self, containers: Iterable[Container], events: Events) -> list[Incident]:
        """Compare the containers with what they were; the new incidents.

        The first call sets what later ones compare with.

        :param events: asked only when something has changed
        """
        before = len(self.incidents)
        own = {one.container_id: one for one in containers if one.program in self.programs}
        for container_id in self._lifecycles.keys() - own.keys():
            self._record_removal(self._lifecycles.pop(container_id).container)
        for container_id, container in own.items():
            if container_id in self._lifecycles:
                self._update(self._lifecycles[container_id], container, events)
            else:
                self._add(container)
        return self.incidents[before:]

    def compare_heartbeats(self, namespace: str, snapshot: Snapshot) -> list[Incident]:
        """Find agents that run and do not report; the new incidents."""
        before = len(self.incidents)
        for lifecycle in self._lifecycles.values():
            agent = newest_agent(namespace, lifecycle.container.container_id, snapshot.agents)
            if agent is None or agent.received_at is None:
                continue
            age_s = (snapshot.now - agent.received_at).total_seconds()
            stale = is_stale(age_s, agent.heartbeat_interval)
            if not stale and lifecycle.silent:
                lifecycle.silent.back_at = agent.received_at
                lifecycle.silent = None
            elif stale and not lifecycle.silent and lifecycle.container.state == "running":
                at = agent.received_at
                if not self._is_explained(lifecycle.container.program, at):
                    self.incidents.append(
                        Incident(
                            lifecycle.container.program,
                            Kind.SILENT,
                            at,
                            lifecycle.container.container_id,
                        )
                    )
                    lifecycle.silent = self.incidents[-1]
        return self.incidents[before:]

    def outage(self, program: str, began: datetime, cause: str, *, over: bool) -> None:
        """Record that a part did not answer, unless that follows from another incident."""
        now = self.now()
        long_enough = (now - began).total_seconds() >= UNNOTICED_S
        if long_enough and not self._is_explained(program, began):
            back = now if over else None
            self.incidents.append(
                Incident(program, Kind.UNREACHABLE, began, back_at=back, cause=cause)
            )

    def dead(self) -> list[Container]:
        """Containers that died and that the engine does not start again."""
        return [
            lifecycle.container
            for lifecycle in self._lifecycles.values()
            if lifecycle.absence
            and lifecycle.absence.kind == Kind.DIED
            and lifecycle.container.state in CONTAINER_ENDED
        ]

    def crashes_in_a_row(self) -> dict[str, int]:
        """By container id: the deaths by its own fault, each within `SETTLED_S` s of a start."""
        return {
            container_id: lifecycle.crashes for container_id, lifecycle in self._lifecycles.items()
        }

    def _add(self, container: Container) -> None:
        down = container.state in CONTAINER_DIED or container.state == "created"
        lifecycle = _Lifecycle(container, death_recorded=down, started_at=container.started_at)
        self._lifecycles[container.container_id] = lifecycle
        removed = None if down else self._removed.pop(container.program, None)
        if removed is not None:
            removed.back_at = container.started_at or self.now()

    def _record_removal(self, container: Container) -> None:
        incident = Incident(container.program, Kind.REMOVED, self.now(), container.container_id)
        self.incidents.append(incident)
        self._removed[container.program] = incident

    def _update(self, lifecycle: _Lifecycle, container: Container, events: Events) -> None:
        before, lifecycle.container = lifecycle.container, container
        started_again = container.started_at != before.started_at
        down = container.state in CONTAINER_DIED
        if started_again or (down and not lifecycle.death_recorded):
            self._read_events(lifecycle, before, container, events)
        if down:
            return
        lifecycle.death_recorded = False
        if container.state == "paused":
            if lifecycle.absence is None:
                at = self._paused_at(container, events)
                self._begin_absence(lifecycle, Incident(container.program, Kind.PAUSED, at))
        elif lifecycle.absence is not None:
            paused = lifecycle.absence.kind == Kind.PAUSED
            lifecycle.absence.back_at = self.now() if paused else container.started_at or self.now()
            lifecycle.absence = None

    def _paused_at(self, container: Container, events: Events) -> datetime:
        """When a container was paused: it may be noticed late, as when the monitor is paused."""
        known = [
            event.at
            for event in events(self.since)
            if event.container_id == container.container_id and event.action == "pause"
        ]
        return known[-1] if known else self.now()

    def _read_events(
        self, lifecycle: _Lifecycle, before: Container, container: Container, events: Events
    ) -> None:
        """Record the deaths since the last comparison, each with its exit code."""
        new_events = [
            event
            for event in events(self.since)
            if event.container_id == container.container_id
            and event.at > self._recorded_until(lifecycle)
        ]
        # the engine does not start a container again that was stopped on purpose
        restarted = container.restart_count > before.restart_count
        oom = False
        deaths = 0
        for event in new_events:
            if event.action == "oom":
                oom = True
            elif event.action == "start":
                lifecycle.started_at = event.at
                if lifecycle.absence is not None:
                    lifecycle.absence.back_at, lifecycle.absence = event.at, None
            elif event.action == "die":
                self._record_death(lifecycle, event.at, event.exit_code, oom, restarted=restarted)
                oom, deaths = False, deaths + 1
        if not deaths and lifecycle.absence is None and not lifecycle.death_recorded:
            # the engine has forgotten its events: what the container itself says
            down = container.state in CONTAINER_DIED
            missed = max(1, container.restart_count - before.restart_count)
            for _ in range(missed):
                at = container.finished_at or self.now()
                code = container.exit_code if down else None
                self._record_death(
                    lifecycle, at, code, container.out_of_memory, restarted=restarted
                )
        if container.state in CONTAINER_DIED:
            lifecycle.death_recorded = True
        else:
            lifecycle.started_at = container.started_at

    def _recorded_until(self, lifecycle: _Lifecycle) -> datetime:
        """The time of a container's last recorded incident: later events are new."""
        latest = [
            one.at for one in self.incidents if one.container_id == lifecycle.container.container_id
        ]
        return max([self.since, *latest])

    def _record_death(
        self, lifecycle: _Lifecycle, at: datetime, code: int | None, oom: bool, *, restarted: bool
    ) -> None:
        on_purpose = code in ON_PURPOSE and not oom and not restarted
        if lifecycle.absence is not None and lifecycle.absence.kind == Kind.PAUSED:
            lifecycle.absence.back_at, lifecycle.absence = at, None
        kind = Kind.STOPPED if on_purpose else Kind.DIED
        incident = Incident(
            lifecycle.container.program, kind, at, exit_code=code, out_of_memory=oom
        )
        if lifecycle.absence is not None:  # it died again before it was seen running
            lifecycle.absence.back_at = lifecycle.started_at
        if on_purpose or (incident.signal == "SIGKILL" and not oom):
            lifecycle.crashes = 0
        else:
            short = (
                lifecycle.started_at is not None
                and (at - lifecycle.started_at).total_seconds() < SETTLED_S
            )
            lifecycle.crashes = lifecycle.crashes + 1 if short else 1
        self._begin_absence(lifecycle, incident)

    def _begin_absence(self, lifecycle: _Lifecycle, incident: Incident) -> None:
        incident.container_id = lifecycle.container.container_id
        self.incidents.append(incident)
        lifecycle.absence = incident

    def _is_explained(self, program: str, began: datetime) -> bool:
        """Whether a silence that began at a moment follows from a known incident."""
        return any(
            one.back_at is None or one.back_at + AFTERMATH > began
            for one in self.incidents
            if one.program == program or one.program in self.backend
        )
