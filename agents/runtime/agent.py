"""BaseAgent: the life of an agent around the handlers that its author writes."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from agents.runtime.backlog import Backlog
from agents.runtime.cause import Cause
from agents.runtime.condition import Condition
from agents.runtime.consumer import Consumer, Handler
from agents.runtime.container import container_id
from agents.runtime.logs import LogShipper
from agents.runtime.monitor import MonitorClient, Stopped
from agents.runtime.reporter import Reporter
from agents.runtime.routing import routes_of
from agents.runtime.settings import AgentSettings
from testbed.protocol.destinations import CONTROL, EPICTOPIC, consumer_queue
from testbed.protocol.heartbeat import STALE_AFTER_INTERVALS, Heartbeat
from testbed.protocol.link import Subscription
from testbed.protocol.messages import Message
from testbed.protocol.publisher import Publisher
from testbed.protocol.state_file import StateFile
from testbed.protocol.states import AgentStatus, OperationalState

BROKER_PATIENCE_S = 5.0
"""Seconds that a stopping agent waits for a broker that confirms nothing."""
WORK_PATIENCE_S = 15.0
"""Seconds that it waits for the work in hand: with what follows, within `stop_grace_period`."""


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
        self._started = time.monotonic()
        self._container_id = container_id()
        self._context: dict[str, str | None] = {"execution_id": None, "run_id": None}
        self._shipper: LogShipper | None = None
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
        self._cause = Cause()
        self._backlog = Backlog(self._session(), self.agent_type, settings)
        self._condition = Condition(self._reporter.changed)
        self.publisher = Publisher(
            settings.broker, settings.program, on_state=lambda _: self._reporter.changed()
        )
        self._consumer = Consumer(
            settings.broker,
            settings.program,
            self.subscriptions(),
            namespace=settings.namespace,
            handlers={
                msg_type: Handler(getattr(self, route.method), route.batch)
                for msg_type, route in routes_of(self).items()
            },
            publisher=self.publisher,
            condition=self._condition,
            cause=self._cause,
            backlog=self._backlog,
            stopping=self.stopping,
            begin=lambda message: self.set_context(message.execution_id, message.run_id),
            changed=self._reporter.changed,
        )

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
        """Called once, when the agent is connected and before it says READY."""

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
        *,
        may_be_lost: bool = False,
    ) -> None:
        """Send a message in this agent's name; confirmed before the handled one is acknowledged.

        Within a handler its `message_id` follows from the handled message, so that a message
        handled twice is answered with the same messages.

        :param may_be_lost: that the broker refuses it does not fail the handler
        """
        self.publisher.publish(destination, self._signed(message), headers, may_be_lost=may_be_lost)

    def _signed(self, message: Message) -> Message:
        """A message in this agent's name, with the id that follows from the handled one."""
        changes: dict[str, Any] = {
            "sender": self.instance_name,
            "namespace": self.settings.namespace,
        }
        purpose = f"{self.settings.program}/{message.msg_type}"
        message_id = self._cause.next_message_id(purpose)
        if message_id is not None:
            changes["message_id"] = message_id
        return message.model_copy(update=changes)

    def reply(self, msg_type: str, **fields: Any) -> None:
        """Answer the command in hand: to its sender's `reply-to` if it gave one, and in copy to
        the topic from which commands and their answers are recorded.
        """
        answer = self._signed(Message(msg_type=msg_type, **fields))
        correlation = {"correlation-id": self._cause.command_id}
        self.publisher.publish(CONTROL, answer, correlation, may_be_lost=True)
        if self._cause.reply_to is not None:
            headers = {**correlation, "persistent": "false"}
            self.publisher.publish(self._cause.reply_to, answer, headers, may_be_lost=True)

    def answering(self, message: Message) -> AbstractContextManager[None]:
        """Within a batch handler: what is published inside follows from this one message."""
        return self._cause.of(message)

    @contextmanager
    def working(self) -> Iterator[None]:
        """PROCESSING while inside; for work that a message started but no handler waits for."""
        self._condition.take(1)
        try:
            yield
        finally:
            self._condition.finish(1)
            self._condition.settle()

    def set_context(self, execution_id: str | None, run_id: str | None) -> None:
        """What the agent works on: stands in its log records and, while it is at work, in its
        heartbeats.
        """
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
            self._consumer.link.start()
            self._live()
        except Stopped:
            self.log.info("stopped before it was ready")
        finally:
            self._end()

    def stop(self, patience: float = BROKER_PATIENCE_S) -> None:
        """Ask the agent to finish the work in hand and end; returns at once.

        :param patience: seconds that it waits for each confirmation of the broker; what is not
            confirmed then is not acknowledged, and comes again
        """
        self.stopping.set()
        self._consumer.close()
        self.publisher.hurry(patience)

    @property
    def connected(self) -> bool:
        """Whether both connections to the broker stand, with every subscription confirmed."""
        return self._consumer.link.connected and self.publisher.link.connected

    @property
    def foreign_messages(self) -> int:
        """Messages of other namespaces that were dropped."""
        return self._consumer.foreign_messages

    def _register(self) -> str:
        number = self.monitor.call("POST", "state/next-agent-id/")["agent_id"]
        return f"{self.agent_type.lower()}-agent-{self.settings.user}-{number:04d}"

    def _session(self) -> MonitorClient:
        return MonitorClient(
            self.settings.monitor_url, self.settings.monitor_token, threading.Event()
        )

    def _live(self) -> None:
        while not self.connected and not self.stopping.wait(0.02):
            pass
        if self.stopping.is_set():
            return
        self.on_ready()
        self._condition.become(OperationalState.READY)
        self._consumer.work(self.workers)
        self.stopping.wait()
        end = time.monotonic() + WORK_PATIENCE_S
        self.on_stop()
        self._consumer.join(max(0.0, end - time.monotonic()))

    def _end(self) -> None:
        self.stopping.set()
        self.publisher.stop()
        self._consumer.link.stop()
        self._condition.become(OperationalState.EXITED)
        if self.instance_name:
            self.log.info("%s exits", self.instance_name)
            self._reporter.stop(5.0)
        if self._shipper is not None:
            logging.getLogger().removeHandler(self._shipper)
            self._shipper.stop(3.0)

    # What the monitor is told.

    def _log_context(self) -> dict[str, Any]:
        return {
            "program": self.settings.program,
            "namespace": self.settings.namespace,
            "container_id": self._container_id,
            **self._context,
        }

    def _heartbeat(self) -> Heartbeat:
        state = self._condition.state
        if state == OperationalState.EXITED:
            status, description = AgentStatus.EXITED, "shut down"
        elif self.connected and self._consumer.trouble:
            status, description = AgentStatus.WARNING, self._consumer.trouble[:500]
        elif self.connected:
            status, description = AgentStatus.OK, "connected to the broker"
        else:
            links = (self._consumer.link, self.publisher.link)
            error = next((link.last_error for link in links if not link.connected), "back now")
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
            current_stf_count=self._condition.in_hand,
            total_stf_processed=self._consumer.processed,
            metadata={
                "foreign_messages": self.foreign_messages,
                "stale_messages": self._backlog.dropped,
                "logs_dropped": self._shipper.dropped if self._shipper else 0,
                "uptime_s": round(time.monotonic() - self._started, 1),
                **(self._context if state == OperationalState.PROCESSING else {}),
                **self.details(),
            },
        )
