"""BaseAgent: the life of an agent around the handlers that its author writes."""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import Any, ClassVar

from agents.runtime.backlog import Backlog
from agents.runtime.causation import Causation
from agents.runtime.condition import Condition
from agents.runtime.consumer import Consumer
from agents.runtime.container import container_id
from agents.runtime.logs import LogShipper
from agents.runtime.neighbours import Neighbours
from agents.runtime.parameters import ExecutionParameters
from agents.runtime.reporter import Reporter
from agents.runtime.routing import handlers_of
from agents.runtime.settings import AgentSettings
from agents.runtime.tools import HandlerTools
from agents.runtime.watch import HandlerOverdue, Watch
from swf_common.broker.model import Subscription
from swf_common.broker.publisher import Publisher
from swf_common.protocol.destinations import EPICTOPIC, consumer_queue
from swf_common.protocol.heartbeat import STALE_AFTER_INTERVALS, Heartbeat
from swf_common.protocol.states import AgentStatus, OperationalState
from swf_common.service.monitor_client import MonitorClient, Stopped
from swf_common.service.state_file import StateFile

BROKER_TIMEOUT_S = 5.0
"""Seconds that a stopping agent waits for a broker that confirms nothing."""
IDLE = "connected to the broker"
WORK_TIMEOUT_S = 15.0
"""Seconds that it waits for the work in hand: with what follows, within `stop_grace_period`."""


class BaseAgent(HandlerTools):
    """An agent: subclasses set `agent_type` and mark a method per message type with `@handles`.

    A handler runs on a worker thread. When it returns, its effects count as stored: what it
    published is confirmed, then its message is acknowledged. When it raises, the message is
    refused and comes again, at most five times, before the broker dead-letters it. So a handler
    may see a message twice and must not count it twice.

    Set `workers` above 1 only where the order of messages does not matter, and `handler_limit`
    to the seconds that a handler may take for a message.
    """

    agent_type: ClassVar[str]
    topics: ClassVar[tuple[str, ...]] = (EPICTOPIC,)
    prefetch: ClassVar[int] = 100
    workers: ClassVar[int] = 1
    handler_limit: ClassVar[float] = 300.0

    def __init__(self, settings: AgentSettings) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self._watch = Watch(settings.handler_limit or self.handler_limit)
        self.monitor = MonitorClient(
            settings.monitor_url, settings.monitor_token, self.stopping, self._watch.excuse
        )
        self.parameters = ExecutionParameters(self.monitor)
        self._neighbours = Neighbours(self.monitor)
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
        self._causation = Causation()
        self._overdue = self._occupation = ""
        self._last_words = "shut down"
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
            handlers=handlers_of(self),
            publisher=self.publisher,
            condition=self._condition,
            causation=self._causation,
            watch=self._watch,
            neighbours=self._neighbours,
            backlog=self._backlog,
            stopping=self.stopping,
            begin=lambda message: self.set_context(message.execution_id or None, message.run_id),
            ahead=self.ahead,
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

    def ahead(self) -> Subscription | None:
        """A further subscription that the agent wants at present, None for none. It takes messages
        of quick work in advance, so that a handler gets many at once; `TakeAhead` says how many.

        The runtime asks between two calls of a handler, and only while the agent has one worker.
        """
        return None

    def on_ready(self) -> None:
        """Called once, when the agent is connected and before it says READY."""

    def on_stop(self) -> None:
        """Called on shutdown, before the work in hand is waited for."""

    def details(self) -> dict[str, Any]:
        """Further fields for the heartbeat's `metadata`."""
        return {}

    # The life.

    def run(self) -> None:
        """Live until `stop`: register, connect, prove READY, work, say EXITED, disconnect.

        :raises HandlerOverdue: a handler does not return; the process has to end
        """
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

    def stop(self, timeout: float = BROKER_TIMEOUT_S) -> None:
        """Ask the agent to finish the work in hand and end; returns at once.

        :param timeout: seconds that it waits for each confirmation of the broker; what is not
            confirmed then is not acknowledged, and comes again
        """
        self.stopping.set()
        self._consumer.close()
        self.publisher.limit_waiting(timeout)

    @property
    def connected(self) -> bool:
        """Whether both connections to the broker are up, with every subscription confirmed."""
        return self._consumer.link.connected and self.publisher.link.connected

    @property
    def longest_silence_s(self) -> float:
        """Seconds of the longest time for which the monitor accepted no heartbeat."""
        return self._reporter.longest_silence_s

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
        while not self.stopping.wait(self._watch.pause):
            self._watch_handlers()
        end = time.monotonic() + WORK_TIMEOUT_S
        self.on_stop()
        self._consumer.join(max(0.0, end - time.monotonic()))

    def _watch_handlers(self) -> None:
        """Report at once that a handler is past its limit, or no longer; end when one is past all.

        :raises HandlerOverdue: one is
        :raises RuntimeError: a worker thread has died
        """
        self._watch.excuse_sleep()
        overdue = self._watch.overdue()
        if bool(overdue) != bool(self._overdue):
            self._overdue = overdue
            if overdue:
                self.log.error("%s", overdue)
            self._reporter.changed()
        if self._consumer.has_lost_a_worker:
            raise RuntimeError("a worker thread has died")
        hung = self._consumer.give_up()
        if hung:
            self._last_words = f"ended itself: {hung}"
            raise HandlerOverdue(hung)

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

    # What the monitor gets.

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
            status, description = AgentStatus.EXITED, self._last_words[:500]
        elif overdue := self._watch.overdue():
            status, description = AgentStatus.ERROR, overdue[:500]
        elif self.connected and self._consumer.trouble:
            status, description = AgentStatus.WARNING, self._consumer.trouble[:500]
        elif self.connected:
            work = self._watch.longest() or self._occupation
            status, description = AgentStatus.OK, f"at work on {work}" if work else IDLE
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
