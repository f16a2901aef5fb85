"""What was received and is not stored yet, bounded in bytes.

A STOMP prefetch counts messages, whatever their size: five topics with 2,000 each may be 10 MB or
100 GB. The caller of `put` waits on the receiver's thread while there is no room, so that the
connection is not read, and the rest stays with the broker.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable

from swf_common.broker.model import Delivery

OVERHEAD = 2_000
"""Bytes that a delivery takes beside its body: its headers are about fifteen short texts."""
POLL_INTERVAL_S = 1.0


def size_of(delivery: Delivery) -> int:
    """Bytes that a delivery takes in memory: a text with one emoji takes four a character."""
    return sys.getsizeof(delivery.body) + OVERHEAD


class Intake:
    """A queue of deliveries that holds a number of bytes, or one delivery that is larger.

    :param changed: guards the queue; notified when a first delivery comes, and when there is room
    :param most: bytes
    :param held_up: called each second or more often while somebody waits for room
    """

    def __init__(
        self, changed: threading.Condition, most: int, held_up: Callable[[], None] = lambda: None
    ) -> None:
        self._changed = changed
        self._most = most
        self._held_up = held_up
        self._deliveries: deque[Delivery] = deque()
        self._bytes = 0
        self._cleared = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._deliveries)

    def put(self, delivery: Delivery) -> None:
        """Add a delivery, once there is room; not at all if `clear` or `close` comes first."""
        size = size_of(delivery)
        with self._changed:
            cleared = self._cleared
            while self._deliveries and self._bytes + size > self._most:
                self._changed.wait(POLL_INTERVAL_S)
                self._held_up()
                if self._closed or cleared != self._cleared:
                    return
            self._deliveries.append(delivery)
            self._bytes += size
            if len(self._deliveries) == 1:  # the recorder waits only for the first one
                self._changed.notify_all()

    def take(self, most: int, most_bytes: int) -> list[Delivery]:
        """The oldest deliveries: a number of them at most, and of bytes unless the first one
        alone has more.
        """
        taken: list[Delivery] = []
        with self._changed:
            while self._deliveries and len(taken) < most:
                size = size_of(self._deliveries[0])
                if taken and size > most_bytes:
                    break
                most_bytes -= size
                self._bytes -= size
                taken.append(self._deliveries.popleft())
            if taken:
                self._changed.notify_all()
        return taken

    def clear(self) -> None:
        """Forget all, and what somebody waits to put in: its connection is gone."""
        with self._changed:
            self._cleared += 1
            self._deliveries.clear()
            self._bytes = 0
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
