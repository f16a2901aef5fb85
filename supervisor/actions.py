"""What the verbs do to one container; an action counts only when its effect was seen."""

from __future__ import annotations

import time
from collections.abc import Callable

from supervisor.engine import ActionFailed, AgentContainer, Engine
from swf_common.protocol.states import CONTAINER_DOWN

SETTLE_S = 0.5
"""Seconds for which a container has to stay as it should be."""
START_TIMEOUT_S = 10.0
"""Seconds within which a container has to run, and END_S within which it has to be down, after
the engine has done its part."""
END_TIMEOUT_S = 10.0
POLL_S = 0.1


class Actions:
    """The verbs; each returns the container as it is afterwards.

    A container that already has the wanted state is left as it is. Each verb raises `ActionFailed`
    when the engine refuses or the effect is not seen, `EngineUnavailable` when no engine answers.
    """

    def __init__(
        self,
        engine: Engine,
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

    def act(self, verb: str, container: AgentContainer, timeout: int | None) -> AgentContainer:
        """Carry out a verb and see its effect.

        :param timeout: seconds to stop gracefully; None: as the container's service says
        """
        before = self._inspect(container)
        wanted = before.stop_timeout if timeout is None else timeout
        return self._verbs[verb](before, wanted)

    def _start(self, before: AgentContainer, _timeout: int) -> AgentContainer:
        if before.state == "running":
            return before
        if before.state == "paused":
            self._engine.unpause(before)
        elif before.state != "restarting":
            self._engine.start(before)
        return self._see_running(before)

    def _stop(self, before: AgentContainer, timeout: int) -> AgentContainer:
        if before.state in CONTAINER_DOWN:
            return before
        self._engine.stop(before, timeout)
        return self._see_down(before)

    def _restart(self, before: AgentContainer, timeout: int) -> AgentContainer:
        self._engine.restart(before, timeout)
        return self._see_running(before, again=True)

    def _kill(self, before: AgentContainer, _timeout: int) -> AgentContainer:
        if before.state in CONTAINER_DOWN:
            return before
        self._engine.kill(before)
        return self._see_down(before)

    def _see_running(self, before: AgentContainer, *, again: bool = False) -> AgentContainer:
        def runs(now: AgentContainer) -> bool:
            return now.state == "running" and not (again and now.started_at == before.started_at)

        settled, last = self._settle(before, runs, START_TIMEOUT_S)
        if settled:
            return last
        raise ActionFailed(
            what=f"{last.program} does not stay up: it is {last.state}, exit code "
            f"{last.exit_code}, restarted {last.restart_count} times. "
            f"Its last words: testbed logs {last.program}"
        )

    def _see_down(self, before: AgentContainer) -> AgentContainer:
        settled, last = self._settle(before, lambda now: now.state in CONTAINER_DOWN, END_TIMEOUT_S)
        if settled:
            return last
        raise ActionFailed(what=f"{last.program} ({last.name}) is still {last.state}")

    def _settle(
        self, before: AgentContainer, wanted: Callable[[AgentContainer], bool], limit: float
    ) -> tuple[bool, AgentContainer]:
        """Whether the container becomes as wanted in time and stays so; its last state."""
        end = self._clock() + limit
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

    def _inspect(self, container: AgentContainer) -> AgentContainer:
        now = self._engine.inspect(container)
        if now is None:
            raise ActionFailed(what=f"{container.program} ({container.name}) has been removed")
        return now
