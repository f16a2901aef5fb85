"""Confirmed sends: what the broker has not confirmed is sent again, with the same message id."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
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
        self._collected: dict[int, list[_Frame]] = {}
        self._transactions: dict[str, list[str]] = {}
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
        collected = self._collected.get(frame.thread)
        if collected is not None and not may_be_lost:
            collected.append(frame)
        else:
            self._publish([frame])

    @contextmanager
    def together(self) -> Iterator[None]:
        """What the calling thread publishes inside is sent when it is left, as one transaction:
        the broker syncs its disk once for all of it. When an error leaves it, nothing is sent.

        What `may_be_lost` is sent at once: that it is refused must not concern the others.
        """
        thread = threading.get_ident()
        self._collected[thread] = []
        try:
            yield
        except BaseException:
            self._collected.pop(thread)
            raise
        frames = self._collected.pop(thread)
        if frames:
            self._publish(frames)

    def _publish(self, frames: list[_Frame]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._unconfirmed) < self._window or self._stopped)
            fresh = {f"send-{next(self._numbers)}": frame for frame in frames}
            self._unconfirmed.update(fresh)
            if not self._open:
                return
            if len(fresh) == 1:
                self._send(*fresh.popitem())
            else:
                self._send_together(fresh)

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

    def _send_together(self, fresh: Mapping[str, _Frame]) -> None:
        receipt = f"commit-{next(self._numbers)}"
        self._transactions[receipt] = list(fresh)
        try:
            self.link.send_together(
                [(frame.destination, frame.body, frame.headers) for frame in fresh.values()],
                receipt,
            )
        except LinkDown as error:
            log.debug("kept for the next connection: %s", error)

    def _on_state(self, up: bool) -> None:
        with self._changed:
            self._transactions.clear()  # they ended with their connection
            if up:
                self._send_again(list(self._unconfirmed))
            self._open = up
        self._tell(up)

    def _on_receipt(self, receipt: str) -> None:
        with self._changed:
            for sent in self._transactions.pop(receipt, [receipt]):
                self._unconfirmed.pop(sent, None)
            self._changed.notify_all()

    def _on_refused(self, receipt: str, reason: str) -> None:
        with self._changed:
            together = self._transactions.pop(receipt, None)
            if together is not None:
                self._send_again(together)
                return
            frame = self._unconfirmed.pop(receipt, None)
            if frame is None:
                return
            if not frame.may_be_lost:
                refusals = self._refusals.setdefault(frame.thread, [])
                refusals.append(f"{frame.destination}: {reason}")
            self._changed.notify_all()

    def _send_again(self, receipts: Iterable[str]) -> None:
        """One by one: if one is refused, its error says which."""
        for receipt in receipts:
            frame = self._unconfirmed.get(receipt)
            if frame is not None:
                self._send(receipt, frame)
