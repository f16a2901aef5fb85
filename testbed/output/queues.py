"""The consumer queues as the command shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from swf_common.protocol.destinations import program_of
from testbed.output import console

HEADER = ["QUEUE", "WAITING", "IN FLIGHT", "CONSUMERS", "OLDEST", "NOTE"]
UNITS = ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))


def abandoned(namespace: str, depths: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Queues of a namespace in which messages wait although they have no consumer.

    :param depths: as the monitor's `backlog/` gives them
    """
    rows = []
    for queue in depths:
        program = program_of(namespace, queue["queue"])
        if program is not None and queue["depth"] > 0 and queue.get("consumers") == 0:
            facts = {"queue": queue["queue"], "program": program, "waiting": queue["depth"]}
            rows.append(facts)
    return sorted(rows, key=lambda one: one["queue"])


def abandoned_lines(queues: Iterable[Mapping[str, Any]]) -> list[str]:
    """The same for people; empty when there are none."""
    rows = [[one["queue"], str(one["waiting"])] for one in queues]
    if not rows:
        return []
    return [
        "",
        console.table(["NOBODY CONSUMES", "WAITING"], rows),
        "Since when, and how to empty one: testbed queues",
    ]


def table(queues: Iterable[Mapping[str, Any]]) -> str:
    """Queues as lines of text."""
    rows = [
        [
            one["queue"],
            str(one["waiting"]),
            str(one["in_flight"]),
            str(one["consumers"]),
            "-" if one["oldest_at"] is None else f"{one['oldest_at'][:19]}Z",
            note(one),
        ]
        for one in queues
    ]
    return console.table(HEADER, rows)


def note(queue: Mapping[str, Any]) -> str:
    """How long a queue has had no consumer, and what follows from that."""
    absent, limit = queue["unconsumed_s"], queue["expires_after_s"]
    if absent is None:
        return "" if queue["consumers"] else "no consumer"
    absence = f"no consumer for {duration(absent)}"
    if limit is None:
        return absence
    if absent >= limit:
        return f"{absence}: expired, what comes is dropped"
    return f"{absence}; expires after {duration(limit)}"


def duration(seconds: float) -> str:
    """A time in its largest fitting unit.

    >>> duration(90)
    '1.5 min'
    """
    for length, unit in UNITS:
        if seconds >= length:
            return f"{round(seconds / length, 1):g} {unit}"
    return "0 s"
