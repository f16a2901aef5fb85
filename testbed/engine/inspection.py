"""Containers, events and times as the engine describes them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from swf_common.protocol.labels import HASH_LABEL, ROLE_LABEL, SERVICE_LABEL
from swf_common.protocol.states import CONTAINER_DIED

NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class Container:
    """A container as the engine describes it.

    :param container_id: 64 hex digits
    :param state: created, running, paused, restarting, exited or dead
    :param health: healthy, unhealthy, starting, or None without a health check
    :param started_at: start of its present life; None when it never ran
    :param finished_at: end of its last life
    :param restart_count: restarts by the engine since it was last started by hand
    :param out_of_memory: its last life ended because it used more memory than it may
    :param config_hash: of the service's configuration when Compose created it
    :param role: agent or backend, by its label; empty without one
    """

    program: str
    container_id: str
    state: str
    health: str | None = None
    started_at: datetime | None = None
    restart_count: int = 0
    exit_code: int = 0
    image: str = ""
    finished_at: datetime | None = None
    out_of_memory: bool = False
    config_hash: str = ""
    role: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.container_id[:12]

    @property
    def ended(self) -> bool:
        """Whether its exit code means something."""
        return self.started_at is not None and self.state in CONTAINER_DIED


@dataclass(frozen=True)
class LifeEvent:
    """A change in a container's life, as the engine reports it.

    :param action: start, die, oom or pause
    :param exit_code: of a container that died
    """

    container_id: str
    at: datetime
    action: str
    exit_code: int | None = None


def read_container(details: Any) -> Container:
    """A container from what `inspect` says."""
    state = details["State"]
    return Container(
        program=details["Config"]["Labels"][SERVICE_LABEL],
        container_id=details["Id"],
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status"),
        started_at=_moment(state.get("StartedAt")),
        restart_count=details.get("RestartCount", 0),
        exit_code=state.get("ExitCode", 0),
        image=details["Config"]["Image"],
        finished_at=_moment(state.get("FinishedAt")),
        out_of_memory=state.get("OOMKilled", False),
        config_hash=details["Config"]["Labels"].get(HASH_LABEL, ""),
        role=details["Config"]["Labels"].get(ROLE_LABEL, ""),
    )


def read_event(event: Any) -> LifeEvent:
    """An event of a container as the engine sends it."""
    code = event["Actor"]["Attributes"].get("exitCode")
    return LifeEvent(
        container_id=event["Actor"]["ID"],
        at=datetime.fromtimestamp(event["timeNano"] / 1e9, UTC),
        action=event["Action"],
        exit_code=None if code is None else int(code),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text in (None, "", NEVER) else read_time(text)


def read_time(text: str) -> datetime:
    """A time stamp of the engine in UTC: nanoseconds are cut, an engine's own time zone is heeded.

    >>> read_time("2026-11-23T11:00:00.123456789+01:00").isoformat()
    '2026-11-23T10:00:00.123456+00:00'
    """
    return datetime.fromisoformat(text).astimezone(UTC)
