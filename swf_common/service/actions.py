"""What the verbs do to an agent's container; an action counts only when its effect was seen.

The supervisor and `testbed agents` act through it, each with its own connection to the engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from swf_common.errors import TestbedError
from swf_common.protocol.states import CONTAINER_DOWN

SETTLE_S = 0.5
"""Seconds for which a container has to stay as it should be."""
EFFECT_TIMEOUT_S = 10.0
"""Seconds within which it has to be as it should be, after the engine has done its part."""
POLL_S = 0.1


class ActionFailed(TestbedError):
    """{what}"""


class Acted(Protocol):
    """A container, as far as actions look at it.

    :ivar name: what messages call it
    """

    @property
    def program(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def exit_code(self) -> int: ...
    @property
    def started_at(self) -> object: ...
    @property
    def restart_count(self) -> int: ...


Container = TypeVar("Container", bound=Acted)


class Engine(Protocol[Container]):
    """The engine. An action raises `ActionFailed`, or an error of its own, when it is refused."""

    def inspect(self, container: Container) -> Container | None:
        """The container as it is now; None when it is gone."""

    def start(self, container: Container) -> None:
        """Start it, if it does not run."""

    def unpause(self, container: Container) -> None:
        """Let a paused container go on."""

    def stop(self, container: Container, timeout: int | None) -> None:
        """SIGTERM, and SIGKILL after `timeout` seconds; returns when it has ended.

        :param timeout: None: as the container's service says
        """

    def restart(self, container: Container, timeout: int | None) -> None:
        """Stop it like `stop`, if it runs, and start it."""

    def kill(self, container: Container) -> None:
        """SIGKILL; its restart policy does not bring it back."""


class Actions(Generic[Container]):
    """The verbs; each returns the container as it is afterwards.

    A container that already has the wanted state is left as it is. Each verb raises `ActionFailed`
    when the effect is not seen, and whatever the engine raises.
    """

    def __init__(
        self,
        engine: Engine[Container],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._sleep = sleep
        self._verbs = {
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "kill": self._kill,
        }

    def act(self, verb: str, container: Container, timeout: int | None = None) -> Container:
        """Carry out a verb and see its effect.

        :param timeout: seconds to stop gracefully; None: as the container's service says
        """
        return self._verbs[verb](self._inspect(container), timeout)

    def _start(self, before: Container, _timeout: int | None) -> Container:
        if before.state == "running":
            return before
        if before.state == "paused":
            self._engine.unpause(before)
        elif before.state != "restarting":
            self._engine.start(before)
        return self._see_running(before)

    def _stop(self, before: Container, timeout: int | None) -> Container:
        if before.state in CONTAINER_DOWN:
            return before
        self._engine.stop(before, timeout)
        return self._see_down(before)

    def _restart(self, before: Container, timeout: int | None) -> Container:
        self._engine.restart(before, timeout)
        return self._see_running(before, again=True)

    def _kill(self, before: Container, _timeout: int | None) -> Container:
        if before.state in CONTAINER_DOWN:
            return before
        self._engine.kill(before)
        return self._see_down(before)

    def _see_running(self, before: Container, *, again: bool = False) -> Container:
        def runs(now: Container) -> bool:
            return now.state == "running" and not (again and now.started_at == before.started_at)

        settled, last = self._settle(before, runs)
        if settled:
            return last
        raise ActionFailed(
            what=f"{last.program} does not stay up: it is {last.state}, exit code "
            f"{last.exit_code}, restarted {last.restart_count} times. "
            f"Its last words: testbed logs {last.program}"
        )

    def _see_down(self, before: Container) -> Container:
        settled, last = self._settle(before, lambda now: now.state in CONTAINER_DOWN)
        if settled:
            return last
        raise ActionFailed(what=f"{last.program} ({last.name}) is still {last.state}")

    def _settle(
        self, before: Container, wanted: Callable[[Container], bool]
    ) -> tuple[bool, Container]:
        """Whether the container becomes as wanted in time and stays so; its last state."""
        end = self._clock() + EFFECT_TIMEOUT_S
        while True:
            first = last = self._inspect(before)
            if wanted(first):
                self._sleep(SETTLE_S)
                last = self._inspect(before)
                if wanted(last) and last.started_at == first.started_at:
                    return True, last
            if self._clock() > end:
                return False, last
            self._sleep(POLL_S)

    def _inspect(self, container: Container) -> Container:
        now = self._engine.inspect(container)
        if now is None:
            raise ActionFailed(what=f"{container.program} ({container.name}) has been removed")
        return now
