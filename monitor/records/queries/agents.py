"""Agent instances: who is there, who is heard of, and who ran in a container last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Left, Now

from monitor.records.models import SystemAgent
from monitor.records.queries import counting
from swf_common.protocol.heartbeat import is_stale
from swf_common.protocol.message import utc_now
from swf_common.protocol.states import OperationalState

ABLE = (OperationalState.READY, OperationalState.PROCESSING)
RETIRED = "silent for too long; retired by the recorder"
"""How an agent is described that fell silent: nobody asked for its end."""
SHORT_ID = 12
"""Hex digits of a container's id that agents know at least."""
EXITED_SHOWN = timedelta(hours=1)
"""How long an agent counts as its container's newest after its last heartbeat once it is EXITED:
containers are replaced, and a list of all that ever were would grow for ever."""
HEARTBEAT_FIELDS = (
    "instance_name",
    "program",
    "agent_type",
    "namespace",
    "container_id",
    "operational_state",
    "status",
    "mq_connected",
    "description",
    "heartbeat_interval",
    "last_heartbeat",
)


def present(**wanted: Any) -> QuerySet[SystemAgent]:
    """The instances that have not ended.

    :param wanted: further conditions, `namespace` say
    """
    return SystemAgent.objects.filter(**wanted).exclude(operational_state=OperationalState.EXITED)


def by_state(namespace: str) -> dict[str, int]:
    """The instances of all time by operational state."""
    return counting.by(SystemAgent.objects.filter(namespace=namespace), "operational_state")


def heard_of(agent: SystemAgent, now: datetime | None = None) -> bool:
    """Whether its last heartbeat is less than three of its own intervals old."""
    if agent.last_heartbeat is None:
        return False
    age = (now or utc_now()) - agent.last_heartbeat
    return not is_stale(age.total_seconds(), agent.heartbeat_interval)


def heartbeats(namespace: str) -> list[dict[str, Any]]:
    """The gate's view: what the newest instance of each container of a namespace last said."""
    shown = ~Q(operational_state=OperationalState.EXITED) | Q(
        last_heartbeat__gt=Now() - EXITED_SHOWN
    )
    rows = SystemAgent.objects.filter(shown, namespace=namespace, container_id__isnull=False)
    found = _newest(rows).values("container", *HEARTBEAT_FIELDS)
    return [{name: row[name] for name in HEARTBEAT_FIELDS} for row in found]


def newest_in(container_ids: Iterable[str]) -> dict[str, SystemAgent]:
    """The newest instance that ran in each of some containers, by container id."""
    ids = {one[:SHORT_ID]: one for one in container_ids}
    known = SystemAgent.objects.filter(container_id__in=[*ids, *ids.values()])
    return {ids[str(row.container_id)[:SHORT_ID]]: row for row in _newest(known)}


def _newest(rows: QuerySet[SystemAgent]) -> QuerySet[SystemAgent]:
    """Of each container the instance that was heard of last. One that somebody has added by hand
    and that has never said anything is not it.
    """
    return (
        rows.annotate(container=Left("container_id", SHORT_ID))
        .order_by("container", F("last_heartbeat").desc(nulls_last=True), "-id")
        .distinct("container")
    )
