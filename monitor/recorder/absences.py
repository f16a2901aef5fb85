"""Queues of absent programs expire (decision 0027).

A queue from which nobody has consumed for `TESTBED_QUEUE_RETENTION_DAYS` is emptied, and stays so
until somebody consumes from it. Only time in which the testbed ran and this was watched counts: a
laptop that sleeps, or a recorder that is down, brings no queue closer to its end.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from monitor.control.commands import CONSUMER_QUEUES, Control
from monitor.control.emptying import empty
from monitor.control.queues import expires_after_s, own
from monitor.records.models import QueueAbsence, SystemAgent
from swf_common.broker.model import Broker
from swf_common.protocol.destinations import RECORDER

log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 30.0
LONGEST_STEP = timedelta(seconds=2 * CHECK_INTERVAL_S)
"""What a look may add to an absence: the rest of a longer gap was not watched."""


@dataclass(frozen=True)
class Absence:
    """How long a queue was seen without a consumer, and when it was last looked at."""

    absent_s: float
    at: datetime


def updated_absences(
    before: Mapping[str, Absence],
    queues: Iterable[Mapping[str, Any]],
    now: datetime,
    consumed: Collection[str] = (),
) -> dict[str, Absence]:
    """The absences after another look: those of queues that exist and have no consumer. Pure.

    A consumer ends an absence when it is known to be one: the broker also counts who only looks at
    a queue, for that moment.

    :param consumed: the queues that had a consumer at the last look too, or whose program is alive
    """
    absences = {}
    for queue in queues:
        name = queue["queue"]
        if queue["program"] == RECORDER or (queue["consumers"] and name in consumed):
            continue
        if queue["consumers"] and name not in before:
            continue
        known = before.get(name, Absence(0.0, now))
        step = min(max(now - known.at, timedelta()), LONGEST_STEP)
        passed = 0.0 if queue["consumers"] else step.total_seconds()
        absences[name] = Absence(known.absent_s + passed, now)
    return absences


class Absences:
    """Watches the consumer queues, and empties those that have expired."""

    def __init__(self, at: Broker) -> None:
        self._broker = at
        self._control = Control(at)
        self._consumed: frozenset[str] = frozenset()

    def start(self) -> None:
        """Connect."""
        self._control.start()

    def stop(self) -> None:
        """Disconnect."""
        self._control.stop()

    def check(self) -> None:
        """One look at every queue.

        :raises NoAnswer: the broker cannot be reached
        :raises django.db.Error: the database is away
        """
        queues = own(self._control.queue_depths(CONSUMER_QUEUES))
        before = {
            row.queue: Absence(row.absent_s, row.seen_at) for row in QueueAbsence.objects.all()
        }
        alive = self._live_programs()
        consumed = self._consumed | {one["queue"] for one in queues if one["program"] in alive}
        after = updated_absences(before, queues, timezone.now(), consumed)
        self._consumed = frozenset(queue["queue"] for queue in queues if queue["consumers"])
        QueueAbsence.objects.exclude(queue__in=after).delete()
        QueueAbsence.objects.bulk_create(
            [
                QueueAbsence(queue=name, absent_s=s.absent_s, seen_at=s.at)
                for name, s in after.items()
            ],
            update_conflicts=True,
            unique_fields=["queue"],
            update_fields=["absent_s", "seen_at"],
        )
        limit = expires_after_s()
        for queue in queues:
            absence = after.get(queue["queue"])
            expired = limit is not None and absence is not None and absence.absent_s >= limit
            if absence and expired and queue["waiting"] and not queue["consumers"]:
                self._expire(queue["queue"], absence)

    def _live_programs(self) -> set[str | None]:
        """The programs of which an agent was heard lately."""
        lately = SystemAgent.objects.filter(last_heartbeat__gt=timezone.now() - LONGEST_STEP)
        return set(lately.values_list("program", flat=True))

    def _expire(self, name: str, absence: Absence) -> None:
        emptied = empty(self._broker, name)
        days = absence.absent_s / 86_400
        log.warning("nobody consumed from %s for %.3g days: %s are dropped", name, days, emptied)
