"""Listing, starting, stopping, restarting and killing the agents of a testbed.

Neither broker nor monitor is needed. The rules are the supervisor's: `swf_common.service.actions`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from swf_common.errors import ExitCode, TestbedError
from swf_common.protocol.states import CONTAINER_DOWN
from swf_common.service.actions import ActionFailed as Undone
from swf_common.service.actions import Actions, Engine
from testbed.engine.containers import Containers, EngineRefused
from testbed.engine.inspection import Container


class ActionFailed(TestbedError):
    """{verb} {program} failed: {reason}"""

    hint = "How the agents are: testbed agents list, testbed status"
    exit_code = ExitCode.AGENT_DIED


@dataclass
class AgentActions:
    """Acts on the agents' containers of one project."""

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

        :raises ActionFailed: the program has no container, the engine refuses, or the effect was
            not seen
        :raises EngineUnavailable: no engine answers
        """
        actions = Actions(_Engine(self.containers), clock=self.clock, sleep=self.sleep)

        def attempt(one: Container) -> Container | str:
            try:
                return actions.act(verb, one)
            except (Undone, EngineRefused) as error:
                return str(error)

        before = self.find(program)
        if not before:
            reason = "it has no container. Create it with: testbed up"
            raise ActionFailed(verb=verb, program=program, reason=reason)
        with ThreadPoolExecutor(len(before)) as pool:
            outcomes = list(pool.map(attempt, before))
        problems = dict.fromkeys(one for one in outcomes if isinstance(one, str))
        if problems:
            raise ActionFailed(verb=verb, program=program, reason="; ".join(problems))
        return [one for one in outcomes if isinstance(one, Container)]


@dataclass(frozen=True)
class _Engine(Engine[Container]):
    """The engine as actions need it; a container gets the time of its service to stop."""

    containers: Containers

    def inspect(self, container: Container) -> Container | None:
        present = {one.container_id: one for one in self.containers.all()}
        return present.get(container.container_id)

    def start(self, container: Container) -> None:
        self.containers.start(container.container_id)

    def unpause(self, container: Container) -> None:
        self.containers.unpause(container.container_id)

    def stop(self, container: Container, timeout: int | None) -> None:  # noqa: ARG002
        self.containers.stop(container.container_id)

    def restart(self, container: Container, timeout: int | None) -> None:
        if container.state not in CONTAINER_DOWN:
            self.stop(container, timeout)
        self.start(container)

    def kill(self, container: Container) -> None:
        self.containers.kill(container.container_id)
