"""What the monitor knows of the agents at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class AgentRow:
    """An agent as the monitor knows it; `received_at` is the monitor's time of its heartbeat."""

    instance_name: str
    namespace: str | None
    container_id: str | None
    operational_state: str
    status: str
    received_at: datetime | None
    heartbeat_interval: float | None = None
    description: str = ""


@dataclass(frozen=True)
class Snapshot:
    """What the monitor answered: its time and its agents."""

    now: datetime
    agents: Sequence[AgentRow]
