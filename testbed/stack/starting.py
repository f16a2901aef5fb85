"""Bringing a testbed to what its plan wants, with Compose."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from swf_common.errors import BackendError
from swf_common.protocol.states import CONTAINER_ENDED
from testbed.engine.compose import Compose, ComposeFailed
from testbed.engine.containers import Containers, EngineRefused
from testbed.engine.inspection import Container
from testbed.engine.services import Service
from testbed.gate.plan import Plan
from testbed.output import console

RECOVERY_TIMEOUT_S = 30.0
"""Seconds in which an unhealthy backend may become healthy again."""


@dataclass(frozen=True)
class Start:
    """One start of a testbed."""

    plan: Plan
    services: Mapping[str, Service]
    compose: Compose
    containers: Containers

    def run(self) -> None:
        """Start what the plan wants, stop what it does not want.

        :raises BackendError: the backend does not come up
        """
        plan = self.plan
        containers = self.containers.all()
        at_work = ("running", "restarting")
        running = {container.program for container in containers if container.state in at_work}
        not_enabled = (*plan.others, *plan.switched_off)
        surplus = [name for name in not_enabled if name in running]
        if surplus:
            console.note(f"Stopping what is not enabled: {', '.join(surplus)}")
            self.compose.stop(surplus)
        paused = {container.program for container in containers if container.state == "paused"}
        services = [name for name in plan.services if name not in paused]
        scales = {name: count for name, count in plan.scales.items() if name in services}
        lasting = [name for name in services if not self.services[name].one_shot]
        self._start_dead_backend()
        # Compose looks at every dependency twice a second: skipped where all run
        all_run = self._runs(lasting, containers)
        bring_up = partial(
            self.compose.up, lasting if all_run else services, scales, dependencies=not all_run
        )
        try:
            try:
                bring_up()
            except ComposeFailed:
                if not self._recovers():
                    raise
                bring_up()
        except ComposeFailed as error:
            raise BackendError(what=self._explain(error)) from error
        others = [name for name in plan.others if name not in paused]
        if others:
            self.compose.create(others)

    def _start_dead_backend(self) -> None:
        """Start backend containers that died: what depends on them is unhealthy meanwhile."""
        for container in self._lasting_backend():
            if container.state in CONTAINER_ENDED:
                with suppress(EngineRefused):  # Compose starts it, or says why it cannot
                    self.containers.start(container.container_id)

    def _recovers(self) -> bool:
        """Whether an unhealthy backend becomes healthy again, within `RECOVERY_TIMEOUT_S` seconds.

        Compose gives up at once where a service depends on an unhealthy one, as the monitor is
        until the broker that it lost is back.
        """
        end = time.monotonic() + RECOVERY_TIMEOUT_S
        noted = False
        while ill := [
            one.program
            for one in self._lasting_backend()
            if one.state == "running" and one.health == "unhealthy"
        ]:
            if time.monotonic() > end:
                return False
            if not noted:
                console.note(f"Waiting for {', '.join(ill)} to become healthy again ...")
                noted = True
            time.sleep(0.2)
        return noted

    def _lasting_backend(self) -> list[Container]:
        """The containers of the backend, but for those that run once."""
        names = [name for name in self.plan.backend if not self.services[name].one_shot]
        return [one for one in self.containers.all() if one.program in names]

    def _runs(self, names: list[str], containers: list[Container]) -> bool:
        """Whether so many containers of each service run as are wanted, with today's image."""
        running = Counter(
            container.program
            for container in containers
            if container.state == "running"
            and container.program in self.services
            and container.image == self.services[container.program].image
        )
        return all(running[name] == self.plan.scales.get(name, 1) for name in names)

    def _explain(self, error: ComposeFailed) -> str:
        """Why the backend did not come up: Compose's last line, and the logs of who failed."""
        lines = [f"The backend did not come up: {str(error).splitlines()[-1].strip()}"]
        for container in self.containers.all():
            ill = container.state in CONTAINER_ENDED and container.exit_code != 0
            if ill or container.health == "unhealthy":
                evidence = self.containers.evidence(container.container_id)
                lines.append(
                    f"{container.program} ({container.state}, exit code {container.exit_code}):"
                )
                lines += [f"  health probe: {evidence.last_probe}"] if evidence.last_probe else []
                lines += [f"  {line}" for line in evidence.log_lines]
        return "\n".join(lines)
