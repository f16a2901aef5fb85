"""Containers, events and times as the engine describes them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from testbed.gate import Container
from testbed.incidents import LifeEvent

SERVICE_LABEL = "com.docker.compose.service"
HASH_LABEL = "com.docker.compose.config-hash"
ROLE_LABEL = "org.epic.testbed.role"
NEVER = "0001-01-01T00:00:00Z"


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
