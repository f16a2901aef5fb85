"""One connection to the broker that is kept up for ever (docs/decisions/0004-delivery.md).

A thread of its own owns the connection: it connects, subscribes, waits until the broker has
confirmed each subscription with a RECEIPT, and reconnects with capped, jittered back-off when the
connection is lost. Each attempt uses a fresh stomp.py connection: reconnecting an old one, or from
within a callback, is known to stop its heart-beats.
"""

from __future__ import annotations

import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from swf_common.broker.model import Broker, Delivery, Subscription
from swf_common.broker.stomp_connection import BROKEN, CONNECT_TIMEOUT_S, Connection, Listener

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 10.0
"""Seconds without progress after which a send counts as broken: stomp.py's heart-beats wait for
the send in hand, so nothing else would notice a broker that has stopped reading. The kernel's
buffers go on taking a little for a while: it was noticed after 31 s."""
FIRST_BACK_OFF_S = 0.2
MAX_BACK_OFF_S = 5.0
CONNECTION_NUMBERS = itertools.count(1)
"""One sequence for all links of the process: a delivery of a link that was replaced by another one
must not be taken for the new one's."""


class BrokerUnavailable(ConnectionError):
    """The broker cannot be reached at the moment."""


class BrokerLink:
    """A connection to the broker, its subscriptions and its acknowledgements.

    :param name: what log lines call it
    :param on_message: called on stomp.py's receiver thread; must return at once, or call `held_up`
        while it waits: then nothing more is read, and the broker keeps the rest
    :param on_state: called on the owner's thread with True once all subscriptions are
        confirmed, and with False when the connection is lost
    :param on_receipt: called with the id of each RECEIPT that is not the link's own
    :param on_refused: called with receipt id and reason when the broker refuses one frame
    :param on_error: called with the reason when it does not say which one, before the connection
        ends for that
    :param send_timeout: seconds without progress after which a send breaks the connection
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        subscriptions: tuple[Subscription, ...] = (),
        *,
        on_message: Callable[[Delivery], None] = lambda _: None,
        on_state: Callable[[bool], None] = lambda _: None,
        on_receipt: Callable[[str], None] = lambda _: None,
        on_refused: Callable[[str, str], None] = lambda *_: None,
        on_error: Callable[[str], None] = lambda _: None,
        send_timeout: float = SEND_TIMEOUT_S,
    ) -> None:
        self.name = name
        self.last_error = "not connected yet"
        self._broker = broker
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_state = on_state
        self._on_receipt = on_receipt
        self._on_refused = on_refused
        self._on_error = on_error
        self._send_timeout = send_timeout
        self._connection: Any = None
        self._number = 0
        self._up = threading.Event()
        self._changed = threading.Condition()
        self._lost = False
        self._pending: set[str] = set()
        self._further = itertools.count(1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._own, name=f"link-{name}", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker has confirmed the connection and every subscription."""
        return self._up.is_set()

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def wait_connected(self, timeout: float | None = None) -> bool:
        """Wait until `connected`, for at most `timeout` seconds."""
        return self._up.wait(timeout)

    def stop(self, timeout: float = 5.0) -> None:
        """Disconnect cleanly and end the thread, within `timeout` seconds."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def held_up(self) -> None:
        """Say that `on_message` holds up the receiver for want of room, and say so again every few
        seconds: heart-beats wait behind what is not read, so that none of them is missing.
        """
        connection = self._connection
        if connection is not None:
            connection.on_heartbeat()

    def send(self, destination: str, body: str, headers: Mapping[str, str]) -> None:
        """Send one frame.

        :raises BrokerUnavailable: not connected, or the connection broke on sending
        """
        with self._sending() as connection:
            connection.send(destination, body, headers=dict(headers))

    def send_transaction(
        self, frames: Iterable[tuple[str, str, Mapping[str, str]]], receipt: str
    ) -> None:
        """Send frames (destination, body, headers) as one transaction: the broker takes all of
        them or none, and writes them to its disk at once. One RECEIPT confirms them all.

        :param receipt: its id; no frame may ask for one of its own
        :raises BrokerUnavailable: not connected, or the connection broke on sending. If it broke
            with the last frame, the broker may have taken all frames: the sender sends them
            again with the same message ids
        """
        with self._sending() as connection:
            connection.begin(transaction=receipt)
            for destination, body, headers in frames:
                connection.send(destination, body, headers=dict(headers), transaction=receipt)
            connection.commit(receipt, headers={"receipt": receipt})

    @contextmanager
    def _sending(self) -> Iterator[Any]:
        connection = self._connection
        if connection is None or not self.connected:
            raise BrokerUnavailable(self.last_error)
        try:
            yield connection
        except BROKEN as error:
            self._broken(connection)
            raise BrokerUnavailable(str(error)) from error

    def subscribe(self, subscription: Subscription) -> str | None:
        """Consume from one more destination, until `unsubscribe` or the end of the connection.

        :return: its key, which its deliveries carry as the header `subscription`; None while there
            is no connection
        """
        key = f"{self._number}-{next(self._further)}"
        headers = subscription.headers(key)
        try:
            with self._sending() as connection:
                connection.subscribe(
                    subscription.destination, id=key, ack=subscription.ack, headers=headers
                )
        except BrokerUnavailable:
            return None
        return key

    def has(self, key: str) -> bool:
        """Whether the subscription with this key belongs to the present connection."""
        return self.connected and key.startswith(f"{self._number}-")

    def unsubscribe(self, key: str) -> None:
        """End the subscription with this key. The broker delivers again what is not acknowledged;
        none of it may be acknowledged later.
        """
        with suppress(BrokerUnavailable), self._sending() as connection:
            connection.unsubscribe(key)

    def ack(self, delivery: Delivery) -> bool:
        """Acknowledge; False when its connection is gone (it will be delivered again)."""
        return self._answer(delivery, "ack")

    def nack(self, delivery: Delivery) -> bool:
        """Refuse; the broker delivers it again later, or dead-letters it."""
        return self._answer(delivery, "nack")

    def _answer(self, delivery: Delivery, verb: str) -> bool:
        connection = self._connection
        if connection is None or delivery.connection != self._number:
            return False
        try:
            getattr(connection, verb)(delivery.headers["ack"])
        except KeyError:
            return False
        except BROKEN:
            self._broken(connection)
            return False
        return True

    def _own(self) -> None:
        back_off = FIRST_BACK_OFF_S
        while not self._stopping.is_set():
            since = time.monotonic()
            try:
                self._connect()
            except Exception as error:  # whatever it is, the thread has to go on trying
                where = f"{self._broker.host}:{self._broker.port}"
                self.last_error = str(error) or f"{type(error).__name__} at {where}"
                log.warning("%s: no connection to the broker: %s", self.name, self.last_error)
            else:
                self._up.set()
                log.info("%s: connected to the broker", self.name)
                self._on_state(True)
                self._wait_lost()
                self._up.clear()
                if not self._stopping.is_set():
                    log.warning("%s: %s", self.name, self.last_error)
                if time.monotonic() - since > MAX_BACK_OFF_S:
                    back_off = FIRST_BACK_OFF_S
            self._close()
            if self._stopping.is_set():
                break
            self._on_state(False)
            self._stopping.wait(back_off * random.uniform(0.8, 1.2))
            back_off = min(back_off * 2, MAX_BACK_OFF_S)

    def _connect(self) -> None:
        self._number = next(CONNECTION_NUMBERS)
        self._lost = False
        connection = Connection(self._broker.host, self._broker.port)
        # sorted behind stomp.py's own listener, or heart-beats stop (stomp.py#351)
        callbacks = (self._confirmed, self._refused, self._arrived, self._disconnected)
        listener = Listener(*(partial(callback, self._number) for callback in callbacks))
        connection.set_listener("z-testbed", listener)
        with self._changed:
            self._pending = {"connect"}
        self._connection = connection
        connection.connect(self._broker.login, self._broker.password, wait=False)
        self._wait_confirmed("the login")
        try:
            connection.limit_sends(self._send_timeout)
        except BROKEN as error:
            raise BrokerUnavailable("the connection was lost behind the login") from error
        with self._changed:
            self._pending = {f"subscribe-{index}" for index in range(len(self._subscriptions))}
        for index, subscription in enumerate(self._subscriptions):
            connection.subscribe(
                subscription.destination,
                id=str(index),
                ack=subscription.ack,
                headers=subscription.headers(f"subscribe-{index}"),
            )
        self._wait_confirmed("the subscriptions")

    def _wait_confirmed(self, what: str) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: not self._pending or self._lost or self._stopping.is_set(),
                CONNECT_TIMEOUT_S,
            )
            if self._lost:
                raise BrokerUnavailable(self.last_error)
            if self._pending:
                raise BrokerUnavailable(
                    f"the broker did not confirm {what} in {CONNECT_TIMEOUT_S:.0f} s"
                )

    def _wait_lost(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._lost or self._stopping.is_set())

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            # no DISCONNECT on a lost one: it may hold half a frame, or block the writer
            if not self._lost and connection.is_connected():
                connection.disconnect()
        except BROKEN as error:
            log.debug("%s: closing: %s", self.name, error)
        finally:
            connection.close_socket()

    # What the listener reports, on stomp.py's receiver thread.

    def _confirmed(self, number: int, receipt: str) -> None:
        with self._changed:
            if number != self._number or self._lost:  # after an error nothing counts as confirmed
                return
            if receipt in self._pending:
                self._pending.discard(receipt)
                self._changed.notify_all()
                return
        self._on_receipt(receipt)

    def _refused(self, number: int, receipt: str | None, reason: str) -> None:
        log.error("%s: the broker refused: %s", self.name, reason)
        with self._changed:
            if number != self._number or self._lost:
                return
            self.last_error = reason
        if receipt is not None and receipt not in self._pending:
            self._on_refused(receipt, reason)
            return
        if receipt is None:
            self._on_error(reason)
        with self._changed:
            self._lost = True
            self._changed.notify_all()

    def _arrived(self, number: int, headers: Mapping[str, str], body: str) -> None:
        try:
            self._on_message(Delivery(headers, body, number))
        except Exception:
            log.exception("%s: a message was not taken", self.name)

    def _broken(self, connection: Any) -> None:
        """A frame was written partly, or not at all: nothing can follow it."""
        with self._changed:
            if connection is self._connection:
                self._disconnected(self._number)

    def _disconnected(self, number: int) -> None:
        with self._changed:
            if number == self._number:
                if self._up.is_set():
                    self.last_error = "the connection to the broker was lost"
                self._lost = True
                self._changed.notify_all()
