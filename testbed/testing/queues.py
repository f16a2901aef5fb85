"""Queues and dead letters of the monitor, in memory."""

from __future__ import annotations

from typing import Any

from testbed.monitor_client.errors import NotDone
from testbed.monitor_client.queues import QueueMonitor


class FakeQueues(QueueMonitor):
    """What waits, and what was refused.

    :ivar waiting: the queues as `consumer_queues` gives them
    :ivar refused_letters: dead letters by number
    :ivar purged: names of the queues that were emptied
    """

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] = []
        self.refused_letters: dict[int, dict[str, Any]] = {}
        self.purged: list[str] = []

    def consumer_queues(self) -> list[dict[str, Any]]:
        self._answer()
        return list(self.waiting)

    def purge_queue(self, queue: str) -> dict[str, Any]:
        self._answer()
        (row,) = (one for one in self.waiting if one["queue"] == queue)
        if row["consumers"]:
            reason = f"{row['program']} consumes from it"
            raise NotDone(what=f"{queue} is not emptied", reason=reason)
        dropped, row["waiting"] = row["waiting"], 0
        self.purged.append(queue)
        return {"queue": queue, "messages": dropped, "executions": {"": dropped}}

    def letters(self, *, resolution: str | None = None) -> list[dict[str, Any]]:
        self._answer()
        letters = self.refused_letters.values()
        return [one for one in letters if resolution in (None, one["resolution"])]

    def letter(self, number: int) -> dict[str, Any]:
        self._answer()
        if number not in self.refused_letters:
            raise NotDone(what=f"Dead letter {number}", reason="not found")
        return self.refused_letters[number]

    def settle_letter(self, verb: str, number: int) -> dict[str, Any]:
        letter = self.letter(number)
        if letter["resolution"] != "open":
            what = f"Dead letter {number} is left as it is"
            raise NotDone(what=what, reason=f"it is {letter['resolution']} already")
        letter["resolution"] = {"retry": "retried", "discard": "discarded"}[verb]
        return letter

    def queue(self, program: str, waiting: int = 0, **facts: Any) -> dict[str, Any]:
        """A new consumer queue that nobody consumes from; `facts` are its other fields."""
        made = {
            "queue": f"Consumer.torre1-{program}.epictopic",
            "program": program,
            "waiting": waiting,
            "in_flight": 0,
            "consumers": 0,
            "oldest_at": None,
            "unconsumed_s": None,
            "expires_after_s": 604_800.0,
            **facts,
        }
        self.waiting.append(made)
        return made

    def refuse(self, **facts: Any) -> dict[str, Any]:
        """A new open dead letter; `facts` are its other fields."""
        number = len(self.refused_letters) + 1
        made = {
            "id": number,
            "received_at": "2026-01-05T12:00:00.5Z",
            "resolution": "open",
            "message_type": "stf_gen",
            "message_id": "0b7e9f70-6bfa-4a50-b6a4-8c7aa1d0d5f0",
            "destination": "/queue/Consumer.torre1-example-data-agent.epictopic",
            "execution_id": "stf_datataking-fake-0001",
            "cause": "refused by its consumer at every delivery",
            "failure": None,
            "body": "{}",
            **facts,
        }
        self.refused_letters[number] = made
        return made

    def _answer(self) -> None:
        """Fail where the monitor is away."""
