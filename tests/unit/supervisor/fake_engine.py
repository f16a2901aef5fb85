"""An engine in memory that keeps the real one's promises."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from hashlib import sha256
from typing import Any

from supervisor.engine import AgentContainer, Engine, EngineUnavailable
from swf_common.protocol.states import CONTAINER_DOWN
from swf_common.service.actions import ActionFailed
from tests.unit.stomp_server import PATIENCE_S

FIRST_START = "2026-01-05T12:00:00.123456789Z"


class FakeEngine(Engine):
    """The agents of one testbed.

    :ivar away: no engine answers
    :ivar unmoved: containers (by name) on which nothing has an effect
    :ivar crashing: containers (by name) that end right after each start
    :ivar gate: a stop waits until it is set
    :ivar calls: each action with the container's name
    """

    def __init__(self) -> None:
        self.away = False
        self.unmoved: set[str] = set()
        self.crashing: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.calls: list[tuple[str, ...]] = []
        self.at_once = 0
        self._acting = 0
        self._lock = threading.Lock()
        self._found: dict[str, AgentContainer] = {}
        self._starts = itertools.count(1)

    def add(self, program: str, number: int = 1, **facts: Any) -> AgentContainer:
        """A container, running unless `facts` say otherwise."""
        name = f"testbed-torre1-{program}-{number}"
        digest = sha256(name.encode()).hexdigest()
        usual = {"state": "running", "started_at": FIRST_START, "stop_timeout": 30}
        self._found[digest] = AgentContainer(program, digest, name, **{**usual, **facts})
        return self._found[digest]

    def now(self, container: AgentContainer) -> AgentContainer:
        """A container as it is now."""
        return self._found[container.container_id]

    def remove(self, container: AgentContainer) -> None:
        """Forget a container."""
        del self._found[container.container_id]

    def ping(self) -> None:
        if self.away:
            raise EngineUnavailable(cause="no such file")

    def agents(self) -> list[AgentContainer]:
        self.ping()
        return list(self._found.values())

    def inspect(self, container: AgentContainer) -> AgentContainer | None:
        self.ping()
        return self._found.get(container.container_id)

    def start(self, container: AgentContainer) -> None:
        self._act("start", container)
        self._begin(container)

    def unpause(self, container: AgentContainer) -> None:
        self._act("unpause", container)
        self._become(container, state="running")

    def stop(self, container: AgentContainer, timeout: int | None) -> None:
        self._act("stop", container, str(container.grace(timeout)))
        with self._lock:
            self._acting += 1
            self.at_once = max(self.at_once, self._acting)
        assert self.gate.wait(PATIENCE_S)
        with self._lock:
            self._acting -= 1
        self._become(container, state="exited", exit_code=0)

    def restart(self, container: AgentContainer, timeout: int | None) -> None:
        self._act("restart", container, str(container.grace(timeout)))
        self._begin(container)

    def kill(self, container: AgentContainer) -> None:
        self._act("kill", container)
        if self.now(container).state in CONTAINER_DOWN:
            raise ActionFailed(what="the engine says: the container is not running")
        self._become(container, state="exited", exit_code=137)

    def _act(self, *call: Any) -> None:
        self.ping()
        verb, container, *more = call
        self.calls.append((verb, container.name, *more))

    def _begin(self, container: AgentContainer) -> None:
        started = FIRST_START.replace(":00:00", f":01:{next(self._starts):02d}")
        if container.name in self.crashing:
            self._become(container, state="restarting", started_at=started, exit_code=1)
        else:
            self._become(container, state="running", started_at=started, exit_code=0)

    def _become(self, container: AgentContainer, **facts: Any) -> None:
        if container.name not in self.unmoved:
            now = replace(self.now(container), **facts)
            self._found[container.container_id] = now
