"""Emptying a queue: its messages are taken and acknowledged, and nothing is done with them.

The broker has no command for it over STOMP, and its management interface is switched off.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from monitor.control.commands import NoAnswer
from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Broker, Delivery, Subscription

PREFETCH = 50
"""Messages that wait here at once; they may have several MB each."""
ACK_EVERY = 25
CONNECT_TIMEOUT_S = 10.0
QUIET_TIMEOUT_S = 1.0
"""A queue that gives nothing for so long is empty."""
EMPTYING_TIMEOUT_S = 40.0
"""Seconds after which the rest stays: the caller is waiting."""


@dataclass(frozen=True)
class Emptied:
    """What a queue held.

    :param executions: messages of each execution; those of none under the empty name
    """

    queue: str
    messages: int
    executions: Mapping[str, int]

    def __str__(self) -> str:
        parts = [f"{name or 'no execution'}: {count}" for name, count in self.executions.items()]
        return f"{self.messages} messages ({', '.join(parts) or 'none'})"


def empty(at: Broker, queue: str) -> Emptied:
    """Drop what waits in a queue, from which nobody else may consume meanwhile.

    :param queue: its name, without `/queue/`
    :raises NoAnswer: the broker cannot be reached
    """
    arrived: SimpleQueue[Delivery] = SimpleQueue()
    subscription = Subscription(f"/queue/{queue}", PREFETCH, ack="client")
    link = BrokerLink(at, "purge", (subscription,), on_message=arrived.put)
    link.start()
    try:
        if not link.wait_connected(CONNECT_TIMEOUT_S):
            raise NoAnswer(f"The broker cannot be reached: {link.last_error}")
        return Emptied(queue, *_take_all(link, arrived))
    finally:
        link.stop()


def _take_all(link: BrokerLink, arrived: SimpleQueue[Delivery]) -> tuple[int, dict[str, int]]:
    end = time.monotonic() + EMPTYING_TIMEOUT_S
    taken: Counter[str] = Counter()
    last: Delivery | None = None
    while time.monotonic() < end:
        try:
            last = arrived.get(timeout=QUIET_TIMEOUT_S)
        except Empty:
            break
        taken[last.headers.get("execution_id", "")] += 1
        if taken.total() % ACK_EVERY == 0:
            link.ack(last)  # with all before it
    if last is not None:
        link.ack(last)
    return taken.total(), dict(sorted(taken.items()))
