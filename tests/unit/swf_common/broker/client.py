"""A link to the broker with everything that it reports."""

from __future__ import annotations

from queue import Queue

from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Broker, Delivery, Subscription
from tests.unit.stomp_server import PATIENCE_S

QUEUE = "/queue/Consumer.torre1-example-data-agent.epictopic"


class Client:
    """A link with everything that it reports."""

    def __init__(self, broker: Broker, *subscriptions: Subscription) -> None:
        self.messages: Queue[Delivery] = Queue()
        self.states: Queue[bool] = Queue()
        self.receipts: Queue[str] = Queue()
        self.refused: Queue[tuple[str, str]] = Queue()
        self.link = BrokerLink(
            broker,
            "test",
            subscriptions or (Subscription(QUEUE, 100),),
            on_message=self._take,
            on_state=self.states.put,
            on_receipt=self.receipts.put,
            on_refused=lambda receipt, reason: self.refused.put((receipt, reason)),
        )

    def message(self) -> Delivery:
        """The next message."""
        return self.messages.get(timeout=PATIENCE_S)

    def state(self) -> bool:
        """The next change of state."""
        return self.states.get(timeout=PATIENCE_S)

    def connect(self) -> None:
        """Start, and wait until connected."""
        self.link.start()
        assert self.state()

    def _take(self, delivery: Delivery) -> None:
        if delivery.body == "poison":
            raise ValueError("a handler's mistake")
        self.messages.put(delivery)
