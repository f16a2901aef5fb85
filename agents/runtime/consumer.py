"""From the broker to the handlers, and the acknowledgement after their effects are stored."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from agents.runtime.backlog import Backlog
from agents.runtime.causation import Causation
from agents.runtime.condition import Condition
from agents.runtime.inbox import Arrival, Inbox
from agents.runtime.neighbours import Neighbours
from agents.runtime.refusals import NotConfirmed, Refusals, reason_of
from agents.runtime.routing import Handler
from agents.runtime.watch import HandlerOverdue, Watch
from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Broker, Delivery, Subscription
from swf_common.broker.publisher import Publisher
from swf_common.protocol.message import MalformedMessage, Message
from swf_common.protocol.messages import interpret, read_object
from swf_common.protocol.predecessor import passed_over
from swf_common.service.monitor_client import Stopped

log = logging.getLogger(__name__)

NAMELESS = ""
"""Stands for the type of a message that only its body names."""
IDLE_AFTER_S = 0.3
"""An agent without work for so many seconds is READY again; shorter gaps are not reported."""

REFUSAL_MEMORY_S = 12.0
"""Seconds for which an agent reports a refused message: longer than the broker's longest pause
before it delivers it again, so that no run counts as drained meanwhile."""

SEND_CONFIRMATION_TIMEOUT_S = 60.0
"""Seconds that a handler's sends may take to be confirmed before its message is refused."""


class Consumer:
    """Sorts what arrives on the receiver thread, handles it on worker threads.

    :param handlers: by message type
    :param watch: called with what is in hand
    :param neighbours: finds what the messages of others lack
    :param backlog: says which messages are too old to be handled
    :param begin: called with the first message before a handler runs
    :param ahead: a further subscription that is wanted at present; asked between two calls of a
        handler, while there is one worker
    :param changed: called when the connection is up, or is lost
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        subscriptions: tuple[Subscription, ...],
        *,
        namespace: str,
        handlers: Mapping[str, Handler],
        publisher: Publisher,
        condition: Condition,
        causation: Causation,
        watch: Watch,
        neighbours: Neighbours,
        backlog: Backlog,
        stopping: threading.Event,
        begin: Callable[[Message], None],
        ahead: Callable[[], Subscription | None],
        changed: Callable[[], None],
    ) -> None:
        self.foreign_messages = 0
        self.processed = 0
        self._refused_at = -REFUSAL_MEMORY_S
        self._refusal = ""
        self._refusals = Refusals()
        self.link = BrokerLink(
            broker,
            f"{name}-receive",
            subscriptions,
            on_message=self._arrived,
            on_state=self._link_changed,
        )
        self._namespace = namespace
        self._handlers = handlers
        self._known = {*handlers, NAMELESS}
        self._publisher = publisher
        self._condition = condition
        self._causation = causation
        self._watch = watch
        self._neighbours = neighbours
        self._backlog = backlog
        self._stopping = stopping
        self._begin = begin
        self._ahead = ahead
        self._taken_ahead: tuple[Subscription | None, str] = (None, "")
        self._changed = changed
        self._inbox = Inbox()
        self._called_at: dict[str, float] = {}
        self._workers: list[threading.Thread] = []

    def work(self, workers: int) -> None:
        """Begin to handle, on so many threads."""
        self._workers = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(workers)
        ]
        for worker in self._workers:
            worker.start()

    def close(self) -> None:
        """Take nothing more; returns at once."""
        self._inbox.close()

    def join(self, timeout: float) -> None:
        """Wait until the work in hand is finished, for at most `timeout` seconds."""
        end = time.monotonic() + timeout
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))
        if any(worker.is_alive() for worker in self._workers):
            log.warning("work is left for the next start: it is not finished in time")

    def give_up(self) -> str:
        """Refuse the messages of handlers that are past their last limit; which ones, or empty.

        In a batch the message at fault is not known: the batch is left, and each message comes
        again alone.
        """
        hung = self._watch.give_up()
        for work in hung:
            error = HandlerOverdue(self._watch.verdict(work))
            if len(work.arrivals) == 1:
                (arrival,) = work.arrivals
                self._refusals.report(arrival.delivery, arrival.message, error)
                self.link.nack(arrival.delivery)
            else:
                log.error("%s is given up: %s", work.message.msg_type, error)
        return "; ".join(self._watch.verdict(work) for work in hung)

    @property
    def has_lost_a_worker(self) -> bool:
        """Whether a worker thread has died: its messages would wait for ever."""
        alive = all(worker.is_alive() for worker in self._workers)
        return not alive and not self._stopping.is_set()

    @property
    def trouble(self) -> str:
        """Why a message was refused lately; empty when none was."""
        lately = time.monotonic() - self._refused_at < REFUSAL_MEMORY_S
        return self._refusal if lately else ""

    def _arrived(self, delivery: Delivery) -> None:
        """Sort a message on the receiver thread: for a handler, to be dropped, or refused."""
        if self._inbox.has_given_back(delivery):  # the broker ends a connection for an answer to it
            return
        headers = delivery.headers
        if headers.get("namespace") == self._namespace and (
            headers.get("msg_type", NAMELESS) not in self._known
        ):
            self.link.ack(delivery)  # of no interest, as its sender's headers already say
            return
        try:
            content = read_object(delivery.body)
            named = content.get("namespace") or headers.get("namespace")
            if named not in (None, self._namespace):
                self.foreign_messages += 1
                self.link.ack(delivery)
            elif reason := passed_over(content):
                self._neighbours.note(content.get("run_id"), reason)
                self.link.ack(delivery)
            elif content.get("msg_type") in self._handlers:
                self._inbox.put(Arrival(interpret(content), delivery))
            else:
                self.link.ack(delivery)
        except (MalformedMessage, TypeError) as error:  # TypeError: a msg_type beyond hashing
            self._refusals.report(delivery, None, error)
            self.link.nack(delivery)

    def _link_changed(self, up: bool) -> None:
        if not up:
            self._inbox.discard_all()
        self._changed()

    def _take_ahead(self) -> None:
        """Change the further subscription to the one that is wanted. It is done between two calls,
        when no message of it is in hand: after its end none may be acknowledged.
        """
        wanted, (present, key) = self._ahead(), self._taken_ahead
        if not self.link.has(key):  # it has ended with its connection
            present, key = None, ""
        if wanted == present or len(self._workers) > 1:
            return
        if key:
            self._inbox.give_back(key)
            self.link.unsubscribe(key)
        fresh = self.link.subscribe(wanted) if wanted else None
        self._taken_ahead = (wanted, fresh) if fresh else (None, "")

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._take_ahead()
            arrivals = self._inbox.take(
                lambda kind: self._handlers[kind].batch, IDLE_AFTER_S, self._gather_s
            )
            if not arrivals:
                if not len(self._inbox):
                    self._condition.settle()
                continue
            arrivals = self._without_stale(arrivals)
            if not arrivals:
                continue
            self._begin(arrivals[0].message)
            self._condition.take(len(arrivals))
            try:
                self._handle(arrivals)
            finally:
                self._condition.finish(len(arrivals))

    def _gather_s(self, kind: str) -> float:
        """Seconds until the handler of a message type may be called again."""
        since = time.monotonic() - self._called_at.get(kind, float("-inf"))
        return max(0.0, self._handlers[kind].gather_s - since)

    def _without_stale(self, arrivals: list[Arrival]) -> list[Arrival]:
        """The messages that are still to be handled; the others are acknowledged."""
        kept = []
        for arrival in arrivals:
            if self._backlog.is_stale(arrival.message, arrival.delivery):
                self.link.ack(arrival.delivery)
            else:
                kept.append(arrival)
        return kept

    def _handle(self, arrivals: list[Arrival]) -> None:
        first = arrivals[0].message
        handler = self._handlers[first.msg_type]
        self._called_at[first.msg_type] = time.monotonic()
        try:
            with self._publisher.transaction(), self._watch.over(arrivals):
                self._call(handler, arrivals)
            confirmed = self._publisher.flush(SEND_CONFIRMATION_TIMEOUT_S)
        except Stopped:
            log.info("%s is left for the next start", first.msg_type)
            return
        except (Exception, SystemExit) as error:  # a handler that exits ends no thread of ours
            self._refusal = f"{first.msg_type} could not be handled: {reason_of(error)}"
            self._refuse(arrivals, error)
            return
        if confirmed:
            self.processed += len(arrivals)
        elif self._stopping.is_set():
            log.warning("%s is left for the next start: no confirmation", first.msg_type)
            return
        for arrival in arrivals:
            if confirmed:
                self.link.ack(arrival.delivery)
            else:
                unconfirmed = NotConfirmed(f"not within {SEND_CONFIRMATION_TIMEOUT_S:.0f} s")
                self._refusals.report(arrival.delivery, arrival.message, unconfirmed)
                self.link.nack(arrival.delivery)

    def _call(self, handler: Handler, arrivals: list[Arrival]) -> None:
        arrivals = [one for one in arrivals if self._neighbours.complete(one.message)]
        if not arrivals:
            return
        if handler.batch > 1:
            handler.call([arrival.message for arrival in arrivals])
            return
        first = arrivals[0]
        with self._causation.of(first.message, first.delivery.headers.get("reply-to")):
            handler.call(first.message)

    def _refuse(self, arrivals: list[Arrival], error: BaseException) -> None:
        """After a failure: of a batch, find the messages at fault by handling each alone."""
        if len(arrivals) == 1:
            self._refusals.report(arrivals[0].delivery, arrivals[0].message, error)
            self.link.nack(arrivals[0].delivery)
            self._refused_at = time.monotonic()
            self._changed()
            return
        kind, count = arrivals[0].message.msg_type, len(arrivals)
        log.warning(
            "%d %s failed together (%s): each is tried alone", count, kind, reason_of(error)
        )
        for arrival in arrivals:
            self._begin(arrival.message)
            self._handle([arrival])
