"""Messages that have arrived and wait for a worker."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from swf_common.broker.model import Delivery
from swf_common.protocol.message import Message


def subscription_of(delivery: Delivery) -> str:
    """The id of the subscription by which a delivery came; empty: none is named."""
    return delivery.headers.get("subscription", "")


@dataclass(frozen=True)
class Arrival:
    """A message together with its delivery, so that it can be acknowledged."""

    message: Message
    delivery: Delivery

    @property
    def subscription(self) -> str:
        """The id of the subscription by which it came."""
        return subscription_of(self.delivery)

    @property
    def redelivered(self) -> bool:
        """Whether it came before: its consumer refused it, or died with it."""
        return self.delivery.headers.get("redelivered") == "true"


class Inbox:
    """A queue whose reader may take several messages of one type at once, keeping the order."""

    def __init__(self) -> None:
        self._arrivals: deque[Arrival] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._given_back: set[str] = set()

    def __len__(self) -> int:
        return len(self._arrivals)

    def put(self, arrival: Arrival) -> None:
        """Add an arrival; never blocks (the prefetch of the subscription bounds the queue)."""
        with self._changed:
            if not self.has_given_back(arrival.delivery):
                self._arrivals.append(arrival)
                self._changed.notify()

    def take(
        self,
        batch_size: Callable[[str], int],
        timeout: float,
        gather_s: Callable[[str], float] = lambda _: 0.0,
    ) -> list[Arrival]:
        """The next arrival, with those of the same type right behind it.

        One that comes again is taken alone: if it is the one at fault, no other shares its fate.

        :param batch_size: how many of a message type may be taken at once
        :param timeout: seconds to wait for an arrival
        :param gather_s: seconds to wait for more of a message type, unless a batch is there
        :return: empty when none came in time, or the inbox is closed
        """
        with self._changed:
            self._changed.wait_for(lambda: self._arrivals or self._closed, timeout)
            # one that is taken alone gathers no others
            if self._arrivals and not self._closed and not self._arrivals[0].redelivered:
                kind = self._arrivals[0].message.msg_type
                enough = batch_size(kind)
                self._changed.wait_for(
                    lambda: len(self._arrivals) >= enough or self._closed, gather_s(kind)
                )
            if self._closed or not self._arrivals:
                return []
            first = self._arrivals.popleft()
            taken = [first]
            most = 1 if first.redelivered else batch_size(first.message.msg_type)
            while (
                len(taken) < most
                and self._arrivals
                and self._arrivals[0].message.msg_type == first.message.msg_type
                and not self._arrivals[0].redelivered
            ):
                taken.append(self._arrivals.popleft())
            return taken

    def give_back(self, subscription: str) -> None:
        """Forget what has come by a subscription that ends, and drop what still comes by it. The
        broker delivers all of it again.
        """
        with self._changed:
            self._given_back.add(subscription)
            kept = [one for one in self._arrivals if one.subscription != subscription]
            self._arrivals = deque(kept)

    def has_given_back(self, delivery: Delivery) -> bool:
        """Whether it came by a subscription that was given back: it must not be answered."""
        return subscription_of(delivery) in self._given_back

    def discard_all(self) -> None:
        """Forget what has arrived, when its connection is lost: the broker delivers it again."""
        with self._changed:
            self._arrivals.clear()
            self._given_back.clear()  # keys of the next connection are others

    def close(self) -> None:
        """Wake all readers; nothing is taken any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
