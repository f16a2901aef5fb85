"""Containers of services that compose.yaml does not have any more. Pure, but for the stopping."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from swf_common.protocol.states import CONTAINER_DOWN
from testbed.engine.inspection import Container
from testbed.monitor_client.errors import MonitorUnavailable
from testbed.output import console

if TYPE_CHECKING:
    from testbed.stack.session import Session


def find_orphans(containers: Iterable[Container], services: Collection[str]) -> list[Container]:
    """The containers whose service is not among those that the Compose files describe."""
    return sorted(
        (one for one in containers if one.program not in services),
        key=lambda one: (one.program, one.container_id),
    )


def as_json(orphan: Container) -> dict[str, Any]:
    """An orphan for `testbed status --json`."""
    return {
        "service": orphan.program,
        "container_id": orphan.container_id,
        "state": orphan.state,
        "role": orphan.role,
    }


def lines(orphans: Iterable[Container]) -> list[str]:
    """Orphans for people; empty when there are none."""
    rows = [[one.program, one.container_id[:12], one.state, one.role or "-"] for one in orphans]
    if not rows:
        return []
    return [
        "",
        console.table(["ORPHAN", "CONTAINER", "STATE", "ROLE"], rows),
        "compose.yaml does not have these services any more. Agents among them are stopped by "
        "`testbed up` and `testbed stop-agents`; `testbed down` removes all.",
    ]


def stop_orphaned_agents(session: Session, *, spare_a_run: bool = False) -> list[str]:
    """Stop agents whose service is gone, since they would go on taking messages; their services.

    Other orphans are left alone: their purpose is not known.

    :param spare_a_run: leave them, with a warning, while an execution runs: it may need them
    """
    orphans = [
        one
        for one in find_orphans(session.containers.all(), session.services)
        if one.role == "agent" and one.state not in CONTAINER_DOWN
    ]
    names = sorted({one.program for one in orphans})
    if not names:
        return []
    running: list[str] = []
    if spare_a_run:
        with suppress(MonitorUnavailable):  # it has just been started
            running = session.runs_in_progress(timeout_s=0)
    if running:
        console.warn(
            f"agents that compose.yaml does not have any more go on while {', '.join(running)} "
            f"runs: {', '.join(names)}. To stop them: testbed stop-agents"
        )
        return []
    console.note(f"Stopping agents that compose.yaml does not have any more: {', '.join(names)}")
    for one in orphans:
        session.containers.stop(one.container_id)
    return names
