"""Confirmed sends: a message that the broker has not confirmed is sent again, with the same id.

A thread of the publisher's own sends. So a broker that stops reading does not block threads that
publish while the window has room, wait for confirmations, or stop.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from swf_common.broker.connection import SEND_TIMEOUT_S, BrokerLink, BrokerUnavailable
from swf_common.broker.model import Broker
from swf_common.protocol.message import Message

log = logging.getLogger(__name__)

T = TypeVar("T")


class SendRefused(Exception):
    """The broker refused a message, for instance because the login may not write there."""


@dataclass
class _Frame:
    destination: str
    body: str
    headers: Mapping[str, str]
    thread: int
    best_effort: bool
    alone: bool
    """Whether it is sent by itself, so that an error says that it is the one at fault."""


class Publisher:
    """Sends messages on a connection of its own and keeps each until its RECEIPT has come.

    :param window: the most unconfirmed messages; `publish` waits for room beyond it
    :param on_state: called with True when the connection is up, with False when it is lost
    :param send_timeout: as `BrokerLink`
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        window: int = 256,
        on_state: Callable[[bool], None] = lambda _: None,
        send_timeout: float = SEND_TIMEOUT_S,
    ) -> None:
        self._report_state = on_state
        self._window = window
        self._send_timeout = send_timeout
        self._numbers = itertools.count(1)
        self._unconfirmed: OrderedDict[str, _Frame] = OrderedDict()
        self._collected: dict[int, list[_Frame]] = {}
        self._transactions: dict[str, list[str]] = {}
        self._refusals: dict[int, list[str]] = {}
        self._given_up: set[int] = set()
        self._jobs: deque[Sequence[str]] = deque()
        self._turn = threading.Lock()  # a thread that waits for much room is not overtaken for ever
        lock = threading.RLock()  # held for moments only, never while something is sent
        self._changed = threading.Condition(lock)
        self._work = threading.Condition(lock)
        self._busy = False
        self._stopped = False
        self._open = False
        self._limited_at: float | None = None
        self._limit_s = 0.0
        self._thread = threading.Thread(target=self._send_jobs, name=f"send-{name}", daemon=True)
        self.link = BrokerLink(
            broker,
            f"{name}-send",
            on_state=self._on_state,
            on_receipt=self._on_receipt,
            on_refused=self._on_refused,
            on_error=self._on_error,
            send_timeout=send_timeout,
        )

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()
        self.link.start()

    def publish(
        self,
        destination: str,
        message: Message,
        headers: Mapping[str, str] | None = None,
        *,
        best_effort: bool = False,
    ) -> None:
        """Send a message; returns before it is confirmed, waits only while the window is full.

        Keeps the order of the calls, over reconnections too. A message that finds no room after
        `limit_waiting`, or that comes after `stop`, is not sent, and `flush` returns False.

        :param best_effort: a refusal by the broker is no failure, such as of a reply whose receiver
            has gone
        """
        frame = _Frame(
            destination,
            message.body(),
            {**message.headers(), **(headers or {})},
            threading.get_ident(),
            best_effort,
            alone=best_effort,
        )
        collected = self._collected.get(frame.thread)
        if collected is not None and not best_effort:
            collected.append(frame)
        else:
            self._publish([frame])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Send the messages that the calling thread publishes inside the block as one transaction
        when it ends (as several, if they are more than the window holds): the broker syncs its
        disk once for all of it. When an error leaves the block, nothing is sent.

        A `best_effort` message is sent at once: its refusal must not affect the others.
        """
        thread = threading.get_ident()
        self._collected[thread] = []
        try:
            yield
        except BaseException:
            self._collected.pop(thread)
            raise
        self._publish(self._collected.pop(thread))

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that the calling thread published is confirmed.

        :return: False when `timeout` seconds, or those of `limit_waiting`, were not enough, or when
            a message was not sent at all
        :raises SendRefused: the broker refused one of these messages
        """
        thread = threading.get_ident()

        def confirmed() -> bool:
            return all(frame.thread != thread for frame in self._unconfirmed.values())

        def settled() -> bool:
            return confirmed() or thread in self._refusals or thread in self._given_up

        with self._changed:
            self._wait(settled, time.monotonic(), timeout)
            refusals = self._refusals.pop(thread, [])
            if refusals:
                raise SendRefused("; ".join(refusals))
            if not confirmed() and self._limited_at is not None:
                self._given_up.add(thread)
            return confirmed() and thread not in self._given_up

    def limit_waiting(self, timeout: float) -> None:
        """From now on, wait for the broker for at most `timeout` seconds; returns at once."""
        with self._changed:
            if self._limited_at is None:
                self._limited_at = time.monotonic()
                self._limit_s = timeout
            self._changed.notify_all()

    def stop(self, timeout: float = 5.0) -> None:
        """Wait for confirmations for at most `timeout` seconds, then disconnect.

        Does not wait when a thread has given up waiting before.
        """
        end = time.monotonic() + timeout
        with self._changed:
            self._changed.wait_for(lambda: not self._unconfirmed or self._given_up, timeout)
            if self._unconfirmed:
                log.error("%d messages are not confirmed by the broker", len(self._unconfirmed))
            self._stopped = True
            self._changed.notify_all()
            self._work.notify_all()
        self.link.stop(max(1.0, end - time.monotonic()))

    def _publish(self, frames: Sequence[_Frame]) -> None:
        began = time.monotonic()
        for piece in _pieces(frames, self._window):
            room = self._window - len(piece)
            with self._turn, self._changed:
                thread = piece[0].thread
                if (
                    thread in self._given_up
                    or not self._wait(lambda room=room: len(self._unconfirmed) <= room, began)  # type: ignore[misc]
                    or self._stopped
                ):
                    self._given_up.add(thread)
                    return
                fresh = {f"send-{next(self._numbers)}": frame for frame in piece}
                self._unconfirmed.update(fresh)
                if self._open:
                    self._jobs.append(list(fresh))
                    self._work.notify_all()

    def _wait(
        self, condition: Callable[[], bool], began: float, timeout: float | None = None
    ) -> bool:
        """Wait for a condition, with `_changed` held; whether it holds in the end.

        :param began: since when the caller waits; the limit counts from there, or from the call of
            `limit_waiting`
        """
        while not condition() and not self._stopped:
            ends = [] if timeout is None else [began + timeout]
            if self._limited_at is not None:
                ends.append(max(began, self._limited_at) + self._limit_s)
            left = min(ends) - time.monotonic() if ends else None
            if left is not None and left <= 0:
                break
            self._changed.wait(left)
        return condition()

    def _plan(self, receipts: Iterable[str]) -> Iterator[Sequence[str]]:
        """Divide the messages to be sent into transactions, and those that are sent alone."""
        for alone, group in itertools.groupby(
            receipts, lambda receipt: self._unconfirmed[receipt].alone
        ):
            yield from _pieces(list(group), 1 if alone else self._window)

    def _send_jobs(self) -> None:
        while True:
            with self._work:
                self._busy = False
                self._work.notify_all()
                self._work.wait_for(lambda: self._stopped or (self._open and self._jobs))
                if self._stopped:
                    return
                job = {
                    receipt: self._unconfirmed[receipt]
                    for receipt in self._jobs.popleft()
                    if receipt in self._unconfirmed
                }
                if not job:
                    continue
                self._busy = True
                receipt = next(iter(job)) if len(job) == 1 else f"commit-{next(self._numbers)}"
                if len(job) > 1:
                    self._transactions[receipt] = list(job)
            self._send(receipt, list(job.values()))

    def _send(self, receipt: str, frames: Sequence[_Frame]) -> None:
        try:
            if len(frames) == 1:
                (frame,) = frames
                self.link.send(frame.destination, frame.body, {**frame.headers, "receipt": receipt})
            else:
                self.link.send_transaction(
                    [(frame.destination, frame.body, frame.headers) for frame in frames], receipt
                )
        except BrokerUnavailable as error:
            log.debug("kept for the next connection: %s", error)
            with self._changed:
                self._open = False
        except Exception as error:  # whatever it is, the thread has to go on sending
            log.exception("a message cannot be sent")
            self._on_refused(receipt, f"{type(error).__name__}: {error}")

    def _on_state(self, up: bool) -> None:
        with self._work:
            self._jobs.clear()
            self._open = False
            if not up:
                # what is just being sent must not end up on the next connection, out of order
                self._work.wait_for(lambda: not self._busy, 3 * self._send_timeout)
            self._transactions.clear()  # they ended with their connection
            if up:
                self._jobs.extend(self._plan(self._unconfirmed))
                self._open = True
                self._work.notify_all()
        self._report_state(up)

    def _on_receipt(self, receipt: str) -> None:
        with self._changed:
            for sent in self._transactions.pop(receipt, [receipt]):
                self._unconfirmed.pop(sent, None)
            self._changed.notify_all()

    def _on_error(self, _reason: str) -> None:
        with self._changed:  # a message of one of these may be at fault
            for transaction in self._transactions.values():
                self._part(transaction)

    def _on_refused(self, receipt: str, reason: str) -> None:
        with self._changed:
            if receipt in self._transactions:
                parted = self._part(self._transactions.pop(receipt))
                if self._open:
                    self._jobs.extendleft([sent] for sent in reversed(parted))
                    self._work.notify_all()
                return
            frame = self._unconfirmed.pop(receipt, None)
            if frame is None:
                return
            if not frame.best_effort:
                refusals = self._refusals.setdefault(frame.thread, [])
                refusals.append(f"{frame.destination}: {reason}")
            self._changed.notify_all()

    def _part(self, receipts: Iterable[str]) -> list[str]:
        """Split a failed transaction: each message is sent alone, so that its error says which
        failed.
        """
        kept = [receipt for receipt in receipts if receipt in self._unconfirmed]
        for receipt in kept:
            self._unconfirmed[receipt].alone = True
        return kept


def _pieces(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
