"""The consumer queues of this testbed: what waits in each, for whom, since when; emptying one."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from monitor.control.commands import Refused, Unknown, broker, control
from monitor.control.emptying import Emptied, empty
from monitor.records.models import QueueAbsence
from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Delivery, Subscription
from swf_common.protocol.destinations import RECORDER, program_of

log = logging.getLogger(__name__)

BROWSE_TIMEOUT_S = 2.0
"""Seconds in which the broker shows the oldest message of each queue."""
CONSUMER_TIMEOUT_S = 1.0
"""Seconds after which a consumer counts: somebody who browses a queue is one for a moment."""
DAY_S = 86_400.0


def waiting() -> list[dict[str, Any]]:
    """The consumer queues by name, with what waits in them.

    :raises NoAnswer: the broker cannot be reached
    """
    queues = own(control().queue_depths())
    oldest = _oldest([queue["queue"] for queue in queues if queue["waiting"]])
    absent = dict(QueueAbsence.objects.values_list("queue", "absent_s"))
    return [
        {
            **queue,
            "oldest_at": oldest.get(queue["queue"]),
            "unconsumed_s": absent.get(queue["queue"]) if not queue["consumers"] else None,
            "expires_after_s": expires_after_s(),
        }
        for queue in queues
    ]


def own(depths: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of what the broker says of its queues, those of this namespace's programs."""
    found = []
    for queue in sorted(depths, key=lambda one: one["queue"]):
        program = program_of(settings.TESTBED_NAMESPACE, queue["queue"])
        if program is not None:
            facts = {name: queue[name] for name in ("in_flight", "consumers")}
            free = max(0, queue["depth"] - queue["in_flight"])
            found.append({"queue": queue["queue"], "program": program, "waiting": free, **facts})
    return found


def expires_after_s() -> float | None:
    """Seconds without a consumer after which a queue is emptied; None: never."""
    days = settings.TESTBED_QUEUE_RETENTION_DAYS
    return days * DAY_S if days > 0 else None


def purge(asked_by: str, name: str) -> Emptied:
    """Drop what waits in a queue that nobody consumes from.

    :raises Unknown: there is no such queue
    :raises Refused: somebody consumes from it, or it is the recorder's
    :raises NoAnswer: the broker cannot be reached
    """
    queue = _find(name)
    program = queue["program"]
    end = time.monotonic() + CONSUMER_TIMEOUT_S
    while queue["consumers"] and time.monotonic() < end:
        time.sleep(CONSUMER_TIMEOUT_S / 5)
        queue = _find(name)
    if program == RECORDER:
        raise Refused(f"{name} holds what is not recorded yet: it is never emptied.")
    if queue["consumers"]:
        raise Refused(
            f"{program} consumes from {name}: what it has in hand cannot be taken from it. Stop it "
            f"first: testbed agents stop {program}"
        )
    emptied = empty(broker(), name)
    log.warning("%s emptied %s: %s are dropped", asked_by, name, emptied)
    return emptied


def _find(name: str) -> dict[str, Any]:
    """A queue by its name.

    :raises Unknown: there is no such queue
    """
    queues = {queue["queue"]: queue for queue in own(control().queue_depths())}
    if name not in queues:
        known = ", ".join(queues) or "none"
        raise Unknown(f"There is no consumer queue {name!r:.300}. There are: {known}.")
    return queues[name]


def _oldest(names: list[str]) -> dict[str, datetime]:
    """When the first message of each queue was sent, as far as the broker shows it in time."""
    if not names:
        return {}
    found: dict[str, datetime] = {}
    ended: set[str] = set()
    changed = threading.Condition()

    def take(delivery: Delivery) -> None:
        name = delivery.headers.get("destination", "").removeprefix("/queue/")
        with changed:
            if delivery.headers.get("browser") == "end":  # it may have been the only answer
                ended.add(name)
            else:
                found.setdefault(name, _moment(delivery.headers["timestamp"]))
            changed.notify()

    shown = tuple(Subscription(f"/queue/{name}", 1, browser=True) for name in names)
    link = BrokerLink(broker(), "browse", shown, on_message=take)
    link.start()
    try:
        with changed:
            changed.wait_for(lambda: len(ended | found.keys()) == len(names), BROWSE_TIMEOUT_S)
            return dict(found)
    finally:
        link.stop()


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
