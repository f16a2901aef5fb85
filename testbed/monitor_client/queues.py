"""The part of the monitor's REST interface for queues and dead letters."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol
from urllib.parse import quote

from testbed.monitor_client.errors import MonitorRefused, NotDone

PURGE_TIMEOUT_S = 60.0
"""Seconds in which the monitor empties a queue."""
PAGE = 200
"""Letters in one answer; each has its whole message in it."""


class QueueMonitor(Protocol):
    """What the command asks of the monitor about queues and dead letters."""

    def consumer_queues(self) -> list[dict[str, Any]]:
        """The consumer queues of the testbed, as `queues/` gives them."""

    def purge_queue(self, queue: str) -> dict[str, Any]:
        """Drop the messages that wait in a queue; their number.

        :raises NotDone: there is no such queue, or a program consumes from it
        """

    def letters(self, *, resolution: str | None = None) -> list[dict[str, Any]]:
        """Dead letters, oldest first; all, or those of one resolution."""

    def letter(self, number: int) -> dict[str, Any]:
        """One dead letter.

        :raises NotDone: there is no such letter
        """

    def settle_letter(self, verb: str, number: int) -> dict[str, Any]:
        """Retry or discard an open letter; the letter afterwards.

        :raises NotDone: there is no such letter, or it is not open any more
        """


class RestQueues:
    """`QueueMonitor` over REST."""

    @abstractmethod
    def _call(self, method: str, path: str, timeout: float = ..., **options: Any) -> Any:
        """One request to the monitor; the decoded answer."""

    def consumer_queues(self) -> list[dict[str, Any]]:
        return list(self._call("GET", "queues/"))

    def purge_queue(self, queue: str) -> dict[str, Any]:
        path = f"queues/{quote(queue, safe='')}/purge/"
        return self._settled(f"{queue} is not emptied", "POST", path, timeout=PURGE_TIMEOUT_S)

    def letters(self, *, resolution: str | None = None) -> list[dict[str, Any]]:
        params: dict[str, Any] = {"limit": PAGE, "offset": 0}
        if resolution is not None:
            params["resolution"] = resolution
        letters: list[dict[str, Any]] = []
        while True:
            answer = self._call("GET", "dead-letters/", params=params)
            letters += answer["results"]
            if answer["next"] is None or not answer["results"]:
                return letters
            params["offset"] += PAGE

    def letter(self, number: int) -> dict[str, Any]:
        return self._settled(f"Dead letter {number}", "GET", f"dead-letters/{number}/")

    def settle_letter(self, verb: str, number: int) -> dict[str, Any]:
        path = f"dead-letters/{number}/{verb}/"
        return self._settled(f"Dead letter {number} is left as it is", "POST", path)

    def _settled(self, what: str, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            return dict(self._call(method, path, **options))
        except MonitorRefused as error:
            if error.status in (404, 409):
                raise NotDone(what=what, reason=error.text) from error
            raise
