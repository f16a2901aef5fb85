"""Whether an agent is still heard of."""

from __future__ import annotations

from datetime import datetime, timedelta

from swf_common.protocol.heartbeat import DEFAULT_INTERVAL, STALE_AFTER_INTERVALS
from swf_common.protocol.message import utc_now

RETIRED = "silent for too long; retired by the recorder"
"""How an agent is described that fell silent: nobody asked for its end."""


def is_fresh(
    last_heartbeat: datetime | None, interval: float | None, now: datetime | None = None
) -> bool:
    """Whether an agent was heard of within three of its own intervals."""
    if last_heartbeat is None:
        return False
    limit = timedelta(seconds=STALE_AFTER_INTERVALS * (interval or DEFAULT_INTERVAL))
    return (now or utc_now()) - last_heartbeat <= limit
