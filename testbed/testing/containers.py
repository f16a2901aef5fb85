"""The containers of one project, in memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from swf_common.protocol.states import CONTAINER_DOWN
from testbed.engine.containers import (
    Containers,
    EngineRefused,
    EngineUnavailable,
    Evidence,
    MountRefused,
    PullFailed,
)
from testbed.engine.inspection import Container, LifeEvent
from testbed.testing.clock import FakeClock


class FakeContainers(Containers):
    """The containers of one project.

    While `away` no question is answered. An engine that does not remember has no events to give.
    `registry` holds the images that can be pulled, `mounted` what a container prints of a path
    that it is given (by default the file's text), and its exit code, `groups` the group with which
    the same ends well, `refused` why the engine cannot mount what lies below a path.

    :param clock: gives containers their start times
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.images: set[str] = set()
        self.registry: set[str] = set()
        self.mounted: dict[str, tuple[int, str]] = {}
        self.groups: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.ports: dict[tuple[str, int], tuple[str, int]] = {}
        self.publishers: dict[int, str] = {}
        self.working_folders: set[str] = set()
        self.started: list[str] = []
        self.executed: list[tuple[str, tuple[str, ...]]] = []
        self.answers: dict[tuple[str, ...], tuple[int, str]] = {}
        self.away = False
        self.remembers = True
        self.unstartable: set[str] = set()
        self._events: list[LifeEvent] = []
        self._by_id: dict[str, Container] = {}
        self._evidence: dict[str, Evidence] = {}
        self._numbers = itertools.count(1)

    def all(self) -> list[Container]:
        self._answer()
        return list(self._by_id.values())

    def evidence(self, container_id: str, lines: int = 10) -> Evidence:
        known = self._evidence.get(container_id, Evidence("", ()))
        return Evidence(known.last_probe, known.log_lines[-lines:])

    def published_port(self, service: str, port: int) -> tuple[str, int] | None:
        running = any(one.program == service for one in self.all() if one.state == "running")
        return self.ports.get((service, port)) if running else None

    def publisher(self, port: int) -> str | None:
        return self.publishers.get(port)

    def start(self, container_id: str) -> None:
        self._answer()
        if container_id not in self._by_id or container_id in self.unstartable:
            raise EngineRefused(cause=f"No such container: {container_id}")
        self.started.append(container_id)
        self._note(container_id, "start")
        up = {"state": "running", "started_at": self.clock.now, "exit_code": 0}
        self.change(container_id, restart_count=0, **up)

    def unpause(self, container_id: str) -> None:
        self._answer()
        self.change(container_id, state="running")

    def kill(self, container_id: str) -> None:
        self._answer()
        if self._by_id[container_id].state in CONTAINER_DOWN:
            raise EngineRefused(cause=f"container {container_id} is not running")
        self.exit(container_id, 137)

    def now(self) -> datetime:
        self._answer()
        return self.clock.now

    def events(self, since: datetime) -> list[LifeEvent]:
        self._answer()
        return [one for one in self._events if one.at >= since and self.remembers]

    def stop(self, container_id: str) -> None:
        self.exit(container_id)

    def execute(self, container_id: str, command: Sequence[str]) -> tuple[int, str]:
        self.executed.append((container_id, tuple(command)))
        return self.answers.get(tuple(command), (0, ""))

    def image_exists(self, name: str) -> bool:
        return name in self.images

    def pull(self, name: str) -> None:
        if name not in self.registry:
            raise PullFailed(image=name, cause="manifest unknown")
        self.images.add(name)

    def run_probe(
        self, image: str, source: Path, command: Sequence[str], group: str = "0"
    ) -> tuple[int, str]:
        if image not in self.images:
            raise LookupError(image)
        for place, cause in self.refused.items():
            if str(source).startswith(place):
                raise MountRefused(source=source, cause=cause)
        output = self.mounted.get(str(source))
        if output and self.groups.get(str(source)) == group:
            return 0, output[1]
        return output or (0, source.read_text())

    def folders(self) -> set[str]:
        return set(self.working_folders) if self._by_id else set()

    def add(self, program: str, **facts: Any) -> Container:
        """A new container, running and healthy unless `facts` (fields of `Container`) differ."""
        digest = sha256(f"{program} {next(self._numbers)}".encode()).hexdigest()
        running = Container(program, digest, "running", "healthy", self.clock.now)
        container = replace(running, **facts)
        self._by_id[container.container_id] = container
        return container

    def change(self, container_id: str, **facts: Any) -> Container:
        """Change fields of a container; the changed `Container`."""
        self._by_id[container_id] = replace(self._by_id[container_id], **facts)
        return self._by_id[container_id]

    def exit(self, container_id: str, code: int = 0) -> Container:
        """Let a container end by itself, and stay down."""
        self._note(container_id, "die", code)
        ended = {"finished_at": self.clock.now, "exit_code": code}
        return self.change(container_id, state="exited", **ended)

    def restart(self, container_id: str, code: int = 1) -> Container:
        """Let a container end, and be started again by its restart policy."""
        count = self._by_id[container_id].restart_count + 1
        self._note(container_id, "die", code)
        self._note(container_id, "start")
        now = {"state": "running", "started_at": self.clock.now, "finished_at": self.clock.now}
        return self.change(container_id, exit_code=0, restart_count=count, **now)

    def run_out_of_memory(self, container_id: str) -> Container:
        """Let a container be killed for lack of memory, and started again."""
        self._note(container_id, "oom")
        self.clock.sleep(0.001)
        return self.restart(container_id, 137)

    def remove(self, container_id: str) -> None:
        """Forget a container."""
        del self._by_id[container_id]

    def _answer(self) -> None:
        if self.away:
            raise EngineUnavailable(cause="it was told to be away")

    def _note(self, container_id: str, action: str, code: int | None = None) -> None:
        self._events.append(LifeEvent(container_id, self.clock.now, action, code))

    def tell(self, container_id: str, *log_lines: str, last_probe: str = "") -> None:
        """What a container gives as evidence."""
        self._evidence[container_id] = Evidence(last_probe, log_lines)
