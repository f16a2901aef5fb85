"""The heartbeat: `POST /api/systemagents/heartbeat/` (docs/messages.md)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from swf_common.protocol.identifiers import ContainerId, Namespace
from swf_common.protocol.states import AgentStatus, OperationalState

DEFAULT_INTERVAL = 60.0
"""Seconds between heartbeats of an agent that does not say (the predecessor's agents)."""

SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.001, 86_400.0
"""Seconds between heartbeats that an agent may announce."""

STALE_AFTER_INTERVALS = 3
"""An agent silent for this many of its own intervals is stale; the recorder retires it."""


class Heartbeat(BaseModel):
    """What an agent says of itself. Only fields that are present are written by the server.

    An unknown field is ignored (the predecessor's agents send `pid`); a bad value is refused.
    """

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    instance_name: str = Field(min_length=1, max_length=100)
    agent_type: str | None = Field(default=None, max_length=100)
    program: str | None = Field(default=None, max_length=100)
    namespace: Namespace | None = None
    container_id: ContainerId | None = None
    hostname: str | None = Field(default=None, max_length=100)
    operational_state: OperationalState | None = None
    status: AgentStatus | None = None
    mq_connected: bool | None = None
    description: str | None = Field(default=None, max_length=10_000)
    heartbeat_interval: float | None = Field(
        default=None,
        ge=SHORTEST_INTERVAL,
        le=LONGEST_INTERVAL,
        description="seconds between heartbeats",
    )
    workflow_enabled: bool | None = None
    current_stf_count: int | None = Field(default=None, ge=0, le=2**31 - 1)
    total_stf_processed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    metadata: dict[str, Any] | None = None


def is_stale(age_s: float, interval_s: float | None) -> bool:
    """Whether a heartbeat of age `age_s` (seconds) is too old for its own interval (seconds)."""
    return age_s > STALE_AFTER_INTERVALS * (interval_s or DEFAULT_INTERVAL)
