"""Listing, starting, stopping, restarting and killing the agents of a testbed.

Neither broker nor monitor is needed. The supervisor keeps the same promises to the monitor: an
action counts only when its effect was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from swf_common.errors import ExitCode, TestbedError
from swf_common.protocol.states import CONTAINER_DOWN
from testbed.engine.compose import Compose, ComposeFailed
from testbed.engine.containers import Containers, EngineRefused
from testbed.engine.inspection import Container

SETTLE_S = 0.5
"""Seconds for which every container has to stay as it should be."""
EFFECT_TIMEOUT_S = 10.0
"""Seconds within which the containers have to be as they should be, after the engine has done its
part."""
POLL_S = 0.1


class ActionFailed(TestbedError):
    """{verb} {program} failed: {reason}"""

    hint = "How the agents are: testbed agents list, testbed status"
    exit_code = ExitCode.AGENT_DIED


@dataclass
class AgentActions:
    """Acts on the agents' containers of one project."""

    compose: Compose
    containers: Containers
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def find(self, program: str | None = None) -> list[Container]:
        """The containers of a program, or of all; also those that were only created."""
        return sorted(
            (
                one
                for one in self.containers.all()
                if one.role == "agent" and program in (None, one.program)
            ),
            key=lambda one: (one.program, one.container_id),
        )

    def act(self, verb: str, program: str) -> list[Container]:
        """Start, stop, restart or kill every container of a program; how they are afterwards.

        A container that has the wanted state already is left as it is.

        :raises ActionFailed: the program has no container, the engine refuses, or the effect was
            not seen
        :raises EngineUnavailable: no engine answers
        """
        verbs = {
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "kill": self._kill,
        }
        before = self.find(program)
        try:
            if not before:
                raise _NotSeen("it has no container. Create it with: testbed up")
            return verbs[verb](before)
        except _NotSeen as error:
            raise ActionFailed(verb=verb, program=program, reason=str(error)) from None
        except (EngineRefused, ComposeFailed) as error:
            raise ActionFailed(verb=verb, program=program, reason=str(error)) from error

    def _start(self, before: list[Container]) -> list[Container]:
        for one in before:
            if one.state == "paused":
                self.containers.unpause(one.container_id)
            elif one.state in CONTAINER_DOWN:
                self.containers.start(one.container_id)
        return self._see_running(before)

    def _stop(self, before: list[Container]) -> list[Container]:
        self._end(before)
        return self._see_down(before)

    def _restart(self, before: list[Container]) -> list[Container]:
        self._end(before)
        for one in self._now(before):
            if one.state in CONTAINER_DOWN:
                self.containers.start(one.container_id)
        return self._see_running(before, earlier={one.started_at for one in before})

    def _kill(self, before: list[Container]) -> list[Container]:
        for one in before:
            if one.state not in CONTAINER_DOWN:
                self.containers.kill(one.container_id)
        return self._see_down(before)

    def _end(self, before: list[Container]) -> None:
        """Stop all gracefully at the same time; Compose waits as long as the service may take."""
        if any(one.state not in CONTAINER_DOWN for one in before):
            self.compose.stop([before[0].program])

    def _see_running(
        self, before: list[Container], earlier: Collection[object] = ()
    ) -> list[Container]:
        def runs(one: Container) -> bool:
            return one.state == "running" and one.started_at not in earlier

        settled, last = self._settle(before, runs)
        if settled:
            return last
        raise _NotSeen(
            "; ".join(
                f"{one.program} does not stay up: it is {one.state}, exit code {one.exit_code}, "
                f"restarted {one.restart_count} times. Its last words: testbed logs {one.program}"
                for one in last
                if not runs(one)
            )
            or f"{before[0].program} does not stay up: it was started again meanwhile"
        )

    def _see_down(self, before: list[Container]) -> list[Container]:
        settled, last = self._settle(before, lambda one: one.state in CONTAINER_DOWN)
        if settled:
            return last
        raise _NotSeen(
            "; ".join(
                f"{one.program} ({one.container_id[:12]}) is still {one.state}"
                for one in last
                if one.state not in CONTAINER_DOWN
            )
        )

    def _settle(
        self, before: list[Container], wanted: Callable[[Container], bool]
    ) -> tuple[bool, list[Container]]:
        """Whether all become as wanted in time and stay so; how they were last."""
        end = self.clock() + EFFECT_TIMEOUT_S
        while True:
            first = last = self._now(before)
            if all(map(wanted, first)):
                self.sleep(SETTLE_S)
                last = self._now(before)
                if all(map(wanted, last)) and _starts(first) == _starts(last):
                    return True, last
            if self.clock() > end:
                return False, last
            self.sleep(POLL_S)

    def _now(self, before: list[Container]) -> list[Container]:
        present = {one.container_id: one for one in self.containers.all()}
        for one in before:
            if one.container_id not in present:
                raise _NotSeen(f"{one.program} ({one.container_id[:12]}) has been removed")
        return [present[one.container_id] for one in before]


class _NotSeen(Exception):
    """The effect of an action was not seen; the reason is the message."""


def _starts(containers: list[Container]) -> list[object]:
    return [one.started_at for one in containers]
