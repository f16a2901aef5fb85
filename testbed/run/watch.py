"""Noticing incidents: what happens to the containers of a run.

A container that dies is mostly back within a second, because the engine starts it again. So one
look at its state does not show the death. What shows it is the container's start time, which
differs from the one at the run's start. The engine's events add the exit code, which a restarted
container has lost.
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
"""A shorter time without an answer is no incident."""

Events = Callable[[datetime], Iterable[LifeEvent]]
"""The events of the project's containers since a moment, oldest first."""


@dataclass
class _Life:
    """A container as it was last seen.

    :param mourned: its present death is recorded
    :param born: start of the life that is judged
    :param crashes: deaths in a row by its own fault that came within `SETTLED_S` seconds of a
        start: SIGKILL without a lack of memory comes from outside
    """

    container: Container
    mourned: bool
    born: datetime | None
    away: Incident | None = None
    silent: Incident | None = None
    crashes: int = 0


@dataclass
class Watch:
    """Notices incidents by comparing the containers with those at the run's start.

    :param programs: the services that the run needs
    :param backend: those of them whose absence makes others silent too
    :param now: the present time, for what the engine does not date
    :param since: from this moment on the engine's events count
    """

    programs: frozenset[str]
    backend: frozenset[str]
    now: Callable[[], datetime]
    since: datetime
    incidents: list[Incident] = field(default_factory=list)
    _lives: dict[str, _Life] = field(default_factory=dict)
    _removed: dict[str, Incident] = field(default_factory=dict)

    def take(self, found: Iterable[Container], events: Events) -> list[Incident]:
        """Compare the containers with what they were; the new incidents.

        The first call sets what later ones compare with.

        :param events: asked only when something has changed
        """
        before = len(self.incidents)
        own = {one.container_id: one for one in found if one.program in self.programs}
        for container_id in self._lives.keys() - own.keys():
            self._bury(self._lives.pop(container_id).container)
        for container_id, container in own.items():
            if container_id in self._lives:
                self._compare(self._lives[container_id], container, events)
            else:
                self._meet(container)
        return self.incidents[before:]

    def take_heartbeats(self, namespace: str, snapshot: Snapshot) -> list[Incident]:
        """Look for agents that run and do not report; the new incidents."""
        before = len(self.incidents)
        for life in self._lives.values():
            agent = newest_agent(namespace, life.container.container_id, snapshot.agents)
            if agent is None or agent.received_at is None:
                continue
            age_s = (snapshot.now - agent.received_at).total_seconds()
            stale = is_stale(age_s, agent.heartbeat_interval)
            if not stale and life.silent:
                life.silent.back_at = agent.received_at
                life.silent = None
            elif stale and not life.silent and life.container.state == "running":
                at = agent.received_at
                if not self._explained(life.container.program, at):
                    self.incidents.append(
                        Incident(
                            life.container.program, Kind.SILENT, at, life.container.container_id
                        )
                    )
                    life.silent = self.incidents[-1]
        return self.incidents[before:]

    def outage(self, program: str, began: datetime, cause: str, *, over: bool) -> None:
        """Record that a part did not answer, unless that follows from another incident."""
        now = self.now()
        long_enough = (now - began).total_seconds() >= UNNOTICED_S
        if long_enough and not self._explained(program, began):
            back = now if over else None
            self.incidents.append(
                Incident(program, Kind.UNREACHABLE, began, back_at=back, cause=cause)
            )

    def dead(self) -> list[Container]:
        """Containers that died and that the engine does not start again."""
        return [
            life.container
            for life in self._lives.values()
            if life.away and life.away.kind == Kind.DIED and life.container.state in CONTAINER_ENDED
        ]

    def crashes_in_a_row(self) -> dict[str, int]:
        """By container id: the deaths by its own fault, each within `SETTLED_S` s of a start."""
        return {container_id: life.crashes for container_id, life in self._lives.items()}

    def _meet(self, container: Container) -> None:
        down = container.state in CONTAINER_DIED or container.state == "created"
        life = _Life(container, mourned=down, born=container.started_at)
        self._lives[container.container_id] = life
        removed = None if down else self._removed.pop(container.program, None)
        if removed is not None:
            removed.back_at = container.started_at or self.now()

    def _bury(self, container: Container) -> None:
        incident = Incident(container.program, Kind.REMOVED, self.now(), container.container_id)
        self.incidents.append(incident)
        self._removed[container.program] = incident

    def _compare(self, life: _Life, container: Container, events: Events) -> None:
        before, life.container = life.container, container
        new_life = container.started_at != before.started_at
        down = container.state in CONTAINER_DIED
        if new_life or (down and not life.mourned):
            self._read_events(life, before, container, events)
        if down:
            return
        life.mourned = False
        if container.state == "paused":
            if life.away is None:
                at = self._paused_at(container, events)
                self._open(life, Incident(container.program, Kind.PAUSED, at))
        elif life.away is not None:
            paused = life.away.kind == Kind.PAUSED
            life.away.back_at = self.now() if paused else container.started_at or self.now()
            life.away = None

    def _paused_at(self, container: Container, events: Events) -> datetime:
        """When a container was paused: a look may come late, as when the monitor is paused too."""
        known = [
            event.at
            for event in events(self.since)
            if event.container_id == container.container_id and event.action == "pause"
        ]
        return known[-1] if known else self.now()

    def _read_events(
        self, life: _Life, before: Container, container: Container, events: Events
    ) -> None:
        """Record the deaths since the last look, each with its exit code."""
        seen = [
            event
            for event in events(self.since)
            if event.container_id == container.container_id and event.at > self._news_from(life)
        ]
        # nobody who stops a container on purpose has the engine start it again
        restarted = container.restart_count > before.restart_count
        oom = False
        deaths = 0
        for event in seen:
            if event.action == "oom":
                oom = True
            elif event.action == "start":
                life.born = event.at
                if life.away is not None:
                    life.away.back_at, life.away = event.at, None
            elif event.action == "die":
                self._died(life, event.at, event.exit_code, oom, restarted=restarted)
                oom, deaths = False, deaths + 1
        if not deaths and life.away is None and not life.mourned:
            # the engine has forgotten its events: what the container itself says
            down = container.state in CONTAINER_DIED
            missed = max(1, container.restart_count - before.restart_count)
            for _ in range(missed):
                at = container.finished_at or self.now()
                code = container.exit_code if down else None
                self._died(life, at, code, container.out_of_memory, restarted=restarted)
        if container.state in CONTAINER_DIED:
            life.mourned = True
        else:
            life.born = container.started_at

    def _news_from(self, life: _Life) -> datetime:
        """From when on the events of a container are new."""
        latest = [
            one.at for one in self.incidents if one.container_id == life.container.container_id
        ]
        return max([self.since, *latest])

    def _died(
        self, life: _Life, at: datetime, code: int | None, oom: bool, *, restarted: bool
    ) -> None:
        on_purpose = code in ON_PURPOSE and not oom and not restarted
        if life.away is not None and life.away.kind == Kind.PAUSED:
            life.away.back_at, life.away = at, None
        kind = Kind.STOPPED if on_purpose else Kind.DIED
        incident = Incident(life.container.program, kind, at, exit_code=code, out_of_memory=oom)
        if life.away is not None:  # it died again before a look found it up
            life.away.back_at = life.born
        if on_purpose or (incident.signal == "SIGKILL" and not oom):
            life.crashes = 0
        else:
            short = life.born is not None and (at - life.born).total_seconds() < SETTLED_S
            life.crashes = life.crashes + 1 if short else 1
        self._open(life, incident)

    def _open(self, life: _Life, incident: Incident) -> None:
        incident.container_id = life.container.container_id
        self.incidents.append(incident)
        life.away = incident

    def _explained(self, program: str, began: datetime) -> bool:
        """Whether a silence that began at a moment follows from an incident that is known."""
        return any(
            one.back_at is None or one.back_at + AFTERMATH > began
            for one in self.incidents
            if one.program == program or one.program in self.backend
        )
