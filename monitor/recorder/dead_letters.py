"""Consuming the dead-letter queues, each by its own name.

A wildcard subscription would not do: with a receipt it is not given the backlog, and the copies
that several programs refused of one message share their message id within it. So the broker is
asked now and then which dead-letter queues there are.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from monitor.control.commands import DEAD_LETTER_QUEUES, Control, NoAnswer
from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Broker, Delivery, Subscription

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 4.0
PREFETCH = 100


class DeadLetterQueues:
    """The consumer of all dead-letter queues that exist.

    :param take_in: called with each delivery, on a receiver thread
    :param forget: called when what was taken in will be delivered again
    """

    def __init__(
        self, at: Broker, take_in: Callable[[Delivery], None], forget: Callable[[], None]
    ) -> None:
        self._broker = at
        self._take_in = take_in
        self._forget = forget
        self._control = Control(at)
        self._names: frozenset[str] = frozenset()
        self._link: BrokerLink | None = None
        self._polled_at = 0.0

    def start(self) -> None:
        """Connect."""
        self._control.start()

    def stop(self) -> None:
        """Disconnect."""
        self._control.stop()
        if self._link is not None:
            self._link.stop()

    def poll(self) -> None:
        """Consume from queues that are new since the last look."""
        if time.monotonic() - self._polled_at < POLL_INTERVAL_S:
            return
        self._polled_at = time.monotonic()
        try:
            queues = self._control.queue_depths(DEAD_LETTER_QUEUES)
        except NoAnswer as error:
            log.debug("dead-letter queues: %s", error)
            return
        names = self._names | {queue["queue"] for queue in queues}
        if names != self._names:
            log.info("consuming dead letters from %s", ", ".join(sorted(names - self._names)))
            self._names = names
            self._consume()

    def ack(self, delivery: Delivery) -> None:
        """Acknowledge a delivery."""
        if self._link is not None:
            self._link.ack(delivery)

    def held_up(self) -> None:
        """A receiver is held up for want of room."""
        if self._link is not None:
            self._link.held_up()

    def _consume(self) -> None:
        if self._link is not None:
            self._link.stop()
        self._forget()
        self._link = BrokerLink(
            self._broker,
            "dead-letters",
            tuple(Subscription(f"/queue/{name}", PREFETCH) for name in sorted(self._names)),
            on_message=self._take_in,
            on_state=lambda up: None if up else self._forget(),
        )
        self._link.start()
