"""BaseAgent: the life of an agent around the handlers that its author writes."""

from __future__ import annotations

import getpass
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from uuid import UUID, uuid5

from agents.runtime.container import container_id
from agents.runtime.inbox import Arrival, Inbox
from agents.runtime.logs import LogShipper
from agents.runtime.monitor import MonitorClient, Stopped
from agents.runtime.reporter import Reporter
from agents.runtime.routing import Route, routes_of
from agents.runtime.settings import AgentSettings
from testbed.protocol.destinations import EPICTOPIC, consumer_queue
from testbed.protocol.heartbeat import STALE_AFTER_INTERVALS, Heartbeat
from testbed.protocol.link import BrokerLink, Delivery, Subscription
from testbed.protocol.messages import MalformedMessage, Message, parse
from testbed.protocol.publisher import Publisher, SendRefused
from testbed.protocol.state_file import StateFile
from testbed.protocol.states import AgentStatus, OperationalState

IDLE_AFTER_S = 0.3
"""An agent without work for so many seconds is READY again; shorter gaps are not reported."""

SEND_CONFIRMATION_S = 60.0
"""Seconds that a handler's sends may take to be confirmed before its message is refused."""


class BaseAgent:
    """An agent: subclasses set `agent_type` and mark a method per message type with `@handles`.

    A handler runs on a worker thread. When it returns, its effects count as stored: what it
    published is confirmed, then its message is acknowledged. When it raises, the message is
    refused and comes again, at most five times, before the broker dead-letters it. So a handler
    may see a message twice and must not count it twice.

    Set `workers` above 1 only where the order of messages does not matter.
    """

    agent_type: ClassVar[str]
    topics: ClassVar[tuple[str, ...]] = (EPICTOPIC,)
    prefetch: ClassVar[int] = 100
    workers: ClassVar[int] = 1

    def __init__(self, settings: AgentSettings) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self.monitor = MonitorClient(settings.monitor_url, settings.monitor_token, self.stopping)
        self.instance_name = ""
        self.log = logging.getLogger(self.agent_type)
        self.foreign_messages = 0
        self.processed = 0
        self._routes: dict[str, Route] = routes_of(self)
        self._inbox = Inbox()
        self._state = OperationalState.STARTING
        self._state_lock = threading.Lock()
        self._in_hand = 0
        self._container_id = container_id()
        self._local = threading.local()
        self._context: dict[str, str | None] = {"execution_id": None, "run_id": None}
        self.publisher = Publisher(
            settings.broker, settings.program, on_state=lambda _: self._reporter.changed()
        )
        self._link = BrokerLink(
            settings.broker,
            f"{settings.program}-receive",
            self.subscriptions(),
            on_message=self._arrived,
            on_state=self._link_changed,
        )
        # the reporter and the shipper are separate sessions: a slow request delays no other
        self._reporter = Reporter(
            self._session(),
            self._heartbeat,
            StateFile(
                settings.state_file,
                (STALE_AFTER_INTERVALS + 1) * settings.heartbeat_interval + 10,
            ),
            settings.heartbeat_interval,
        )
        self._shipper: LogShipper | None = None
        self._started = time.monotonic()

    # What a subclass may override.

    def subscriptions(self) -> tuple[Subscription, ...]:
        """What the agent consumes: by default its program's queue of each topic in `topics`."""
        return tuple(
            Subscription(
                consumer_queue(self.settings.namespace, self.settings.program, topic),
                self.prefetch,
            )
            for topic in self.topics
        )

    def on_ready(self) -> None:
        """Called once, when the agent is connected and has been accepted by the monitor."""

    def on_stop(self) -> None:
        """Called on shutdown, before the work in hand is waited for."""

    def details(self) -> dict[str, Any]:
        """Further fields for the heartbeat's `metadata`."""
        return {}

    # What a handler uses.

    def publish(
        self,
        destination: str,
        message: Message,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a message in this agent's name; confirmed before the handled one is acknowledged.

        Within a handler its `message_id` follows from the handled message, so that a message
        handled twice is answered with the same messages.
        """
        cause: UUID | None = getattr(self._local, "cause", None)
        changes: dict[str, Any] = {
            "sender": self.instance_name,
            "namespace": self.settings.namespace,
        }
        if cause is not None:
            self._local.published += 1
            purpose = f"{self.settings.program}/{message.msg_type}/{self._local.published}"
            changes["message_id"] = uuid5(cause, purpose)
        self.publisher.publish(destination, message.model_copy(update=changes), headers)

    def reply(self, msg_type: str, **fields: Any) -> None:
        """Answer the command in hand, if its sender gave a `reply-to`."""
        reply_to = getattr(self._local, "reply_to", None)
        if reply_to:
            answer = Message(msg_type=msg_type, **fields)
            headers = {"persistent": "false", "correlation-id": str(self._local.cause)}
            self.publish(reply_to, answer, headers)

    @contextmanager
    def answering(self, message: Message) -> Iterator[None]:
        """Within a batch handler: what is published here follows from this one message."""
        before = getattr(self._local, "cause", None), getattr(self._local, "published", 0)
        self._local.cause, self._local.published = message.message_id, 0
        try:
            yield
        finally:
            self._local.cause, self._local.published = before

    @contextmanager
    def working(self) -> Iterator[None]:
        """PROCESSING while inside; for work that a message started but no handler waits for."""
        self._took(1)
        try:
            yield
        finally:
            self._finished(1)

    def set_context(self, execution_id: str | None, run_id: str | None) -> None:
        """What the agent works on: stands in its log records."""
        self._context = {"execution_id": execution_id, "run_id": run_id}

    # The life.

    def run(self) -> None:
        """Live until `stop`: register, connect, prove READY, work, say EXITED, disconnect."""
        try:
            self.instance_name = self._register()
            self._shipper = LogShipper(self._session(), self.instance_name, self._log_context)
            logging.getLogger().addHandler(self._shipper)
            self._shipper.start()
            self.log.info("%s starts in container %s", self.instance_name, self._container_id)
            self._reporter.start()
            self.publisher.start()
            self._link.start()
            self._live()
        except Stopped:
            self.log.info("stopped before it was ready")
        finally:
            self._end()

    def stop(self) -> None:
        """Ask the agent to finish the work in hand and end; returns at once."""
        self.stopping.set()
        self._inbox.close()

    @property
    def connected(self) -> bool:
        """Whether both connections to the broker stand, with every subscription confirmed."""
        return self._link.connected and self.publisher.link.connected

    def _register(self) -> str:
        number = self.monitor.call("POST", "state/next-agent-id/")["agent_id"]
        user = self.settings.user or getpass.getuser()
        return f"{self.agent_type.lower()}-agent-{user}-{number:04d}"

    def _session(self) -> MonitorClient:
        return MonitorClient(
            self.settings.monitor_url, self.settings.monitor_token, threading.Event()
        )

    def _live(self) -> None:
        while not self.connected and not self.stopping.wait(0.02):
            pass
        if self.stopping.is_set():
            return
        workers = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(self.workers)
        ]
        self._set_state(OperationalState.READY)
        self.on_ready()
        for worker in workers:
            worker.start()
        self.stopping.wait()
        self.on_stop()
        for worker in workers:
            worker.join()

    def _end(self) -> None:
        self.stopping.set()
        self.publisher.stop()
        self._link.stop()
        self._state = OperationalState.EXITED
        if self.instance_name:
            self.log.info("%s exits", self.instance_name)
            self._reporter.stop(5.0)
        if self._shipper is not None:
            logging.getLogger().removeHandler(self._shipper)
            self._shipper.stop(3.0)

    # Receiving.

    def _arrived(self, delivery: Delivery) -> None:
        """Sort a message on the receiver thread: for a handler, to be dropped, or refused."""
        try:
            message = parse(delivery.body)
        except MalformedMessage as error:
            self.log.error("a message cannot be understood: %s", error)
            self._link.nack(delivery)
            return
        if message.namespace not in (None, self.settings.namespace):
            self.foreign_messages += 1
            self._link.ack(delivery)
        elif message.msg_type not in self._routes:
            self._link.ack(delivery)
        else:
            self._inbox.put(Arrival(message, delivery))

    def _link_changed(self, up: bool) -> None:
        if not up:
            self._inbox.discard_all()
        self._reporter.changed()

    def _work(self) -> None:
        while not self.stopping.is_set():
            arrivals = self._inbox.take(lambda kind: self._routes[kind].batch, IDLE_AFTER_S)
            if not arrivals:
                self._idle()
                continue
            self._took(len(arrivals))
            try:
                self._handle(arrivals)
            finally:
                self._finished(len(arrivals), linger=True)

    def _handle(self, arrivals: list[Arrival]) -> None:
        route = self._routes[arrivals[0].message.msg_type]
        method = getattr(self, route.method)
        messages = [arrival.message for arrival in arrivals]
        self.set_context(messages[0].execution_id, messages[0].run_id)
        try:
            if route.batch > 1:
                method(messages)
            else:
                self._local.reply_to = arrivals[0].delivery.headers.get("reply-to")
                with self.answering(messages[0]):
                    method(messages[0])
            if not self.publisher.flush(SEND_CONFIRMATION_S):
                raise SendRefused("the broker does not confirm what was sent")
        except Stopped:
            self.log.info("%s is left for the next start", messages[0].msg_type)
            return
        except Exception:
            self.log.exception("%s could not be handled", messages[0].msg_type)
            self._refuse(arrivals, route)
            return
        self.processed += len(arrivals)
        for arrival in arrivals:
            self._link.ack(arrival.delivery)

    def _refuse(self, arrivals: list[Arrival], route: Route) -> None:
        """After a failure: of a batch, find the messages at fault by handling each alone."""
        if len(arrivals) == 1 or route.batch == 1:
            for arrival in arrivals:
                self._link.nack(arrival.delivery)
            return
        for arrival in arrivals:
            self._handle([arrival])

    # State and heartbeat.

    def _took(self, count: int) -> None:
        with self._state_lock:
            self._in_hand += count
        self._set_state(OperationalState.PROCESSING)

    def _finished(self, count: int, linger: bool = False) -> None:
        with self._state_lock:
            self._in_hand -= count
        if not linger:
            self._idle()

    def _idle(self) -> None:
        if self._in_hand == 0 and not len(self._inbox):
            self._set_state(OperationalState.READY)

    def _set_state(self, state: OperationalState) -> None:
        with self._state_lock:
            if self._state == state:
                return
            self._state = state
        self._reporter.changed()

    def _log_context(self) -> dict[str, Any]:
        return {
            "program": self.settings.program,
            "namespace": self.settings.namespace,
            "container_id": self._container_id,
            **self._context,
        }

    def _heartbeat(self) -> Heartbeat:
        state = self._state
        if state == OperationalState.EXITED:
            status, description = AgentStatus.EXITED, "shut down"
        elif self.connected:
            status, description = AgentStatus.OK, "connected to the broker"
        else:
            error = (
                self._link.last_error
                if not self._link.connected
                else self.publisher.link.last_error
            )
            status, description = AgentStatus.WARNING, f"no broker: {error}"
        return Heartbeat(
            instance_name=self.instance_name,
            agent_type=self.agent_type,
            program=self.settings.program,
            namespace=self.settings.namespace,
            container_id=self._container_id,
            hostname=socket.gethostname(),
            operational_state=state,
            status=status,
            mq_connected=self.connected,
            description=description,
            heartbeat_interval=self.settings.heartbeat_interval,
            workflow_enabled=True,
            current_stf_count=self._in_hand,
            total_stf_processed=self.processed,
            metadata={
                "foreign_messages": self.foreign_messages,
                "logs_dropped": self._shipper.dropped if self._shipper else 0,
                "uptime_s": round(time.monotonic() - self._started, 1),
                **self.details(),
            },
        )
