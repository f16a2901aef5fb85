"""Confirmed sends: what the broker has not confirmed is sent again, with the same message id."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from testbed.protocol.link import Broker, BrokerLink, LinkDown
from testbed.protocol.messages import Message

log = logging.getLogger(__name__)


class SendRefused(Exception):
    """The broker refused a message, for instance because the login may not write there."""


@dataclass(frozen=True)
class _Frame:
    destination: str
    body: str
    headers: Mapping[str, str]
    thread: int
    may_be_lost: bool


class Publisher:
    """Sends messages on a connection of its own and keeps each until its RECEIPT has come.

    :param window: unconfirmed messages at the most; `publish` waits for room beyond it
    :param on_state: told whenever the connection stands (True) or is lost (False)
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        window: int = 256,
        on_state: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._tell = on_state
        self._window = window
        self._numbers = itertools.count(1)
        self._unconfirmed: OrderedDict[str, _Frame] = OrderedDict()
        self._refusals: dict[int, list[str]] = {}
        self._changed = threading.Condition(threading.RLock())
        self._stopped = False
        self._open = False
        self.link = BrokerLink(
            broker,
            f"{name}-send",
            on_state=self._on_state,
            on_receipt=self._on_receipt,
            on_refused=self._on_refused,
        )

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self.link.start()

    def publish(
        self,
        destination: str,
        message: Message,
        headers: Mapping[str, str] | None = None,
        *,
        may_be_lost: bool = False,
    ) -> None:
        """Send a message; returns before it is confirmed, waits only while the window is full.

        Keeps the order of the calls, over reconnections too.

        :param may_be_lost: that the broker refuses it is no failure, such as a reply to somebody
            who has gone
        """
        frame = _Frame(
            destination,
            message.body(),
            {**message.headers(), **(headers or {})},
            threading.get_ident(),
            may_be_lost,
        )
        with self._changed:
            self._changed.wait_for(lambda: len(self._unconfirmed) < self._window or self._stopped)
            receipt = f"send-{next(self._numbers)}"
            self._unconfirmed[receipt] = frame
            if self._open:
                self._send(receipt, frame)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that the calling thread published is confirmed.

        :return: False when `timeout` seconds were not enough
        :raises SendRefused: the broker refused one of these messages
        """
        thread = threading.get_ident()

        def confirmed() -> bool:
            return all(frame.thread != thread for frame in self._unconfirmed.values())

        with self._changed:
            self._changed.wait_for(
                lambda: confirmed() or self._stopped or thread in self._refusals, timeout
            )
            refusals = self._refusals.pop(thread, [])
            if refusals:
                raise SendRefused("; ".join(refusals))
            return confirmed()

    def stop(self, timeout: float = 5.0) -> None:
        """Wait for confirmations for at most `timeout` seconds, then disconnect."""
        end = time.monotonic() + timeout
        with self._changed:
            if not self._changed.wait_for(lambda: not self._unconfirmed, timeout):
                log.error("%d messages are not confirmed by the broker", len(self._unconfirmed))
            self._stopped = True
            self._changed.notify_all()
        self.link.stop(max(1.0, end - time.monotonic()))

    def _send(self, receipt: str, frame: _Frame) -> None:
        try:
            self.link.send(frame.destination, frame.body, {**frame.headers, "receipt": receipt})
        except LinkDown as error:
            log.debug("kept for the next connection: %s", error)

    def _on_state(self, up: bool) -> None:
        with self._changed:
            if up:
                for receipt, frame in list(self._unconfirmed.items()):
                    self._send(receipt, frame)
            self._open = up
        self._tell(up)

    def _on_receipt(self, receipt: str) -> None:
        with self._changed:
            if self._unconfirmed.pop(receipt, None) is not None:
                self._changed.notify_all()

    def _on_refused(self, receipt: str, reason: str) -> None:
        with self._changed:
            frame = self._unconfirmed.pop(receipt, None)
            if frame is None:
                return
            if not frame.may_be_lost:
                refusals = self._refusals.setdefault(frame.thread, [])
                refusals.append(f"{frame.destination}: {reason}")
            self._changed.notify_all()
