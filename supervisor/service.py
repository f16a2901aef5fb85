"""The service: from the broker to the commands, and their replies back."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID, uuid5

from supervisor.commands import Commands, read_command
from supervisor.engine import Engine
from supervisor.settings import Settings
from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Delivery, Subscription
from swf_common.broker.publisher import Publisher
from swf_common.errors import TestbedError
from swf_common.protocol.agent_control import AgentCommand, Rejected
from swf_common.protocol.destinations import AGENT_CONTROL, CONTROL, namespace_selector
from swf_common.protocol.message import MalformedMessage, Message
from swf_common.protocol.states import OperationalState
from swf_common.service.state_file import StateFile

log = logging.getLogger(__name__)

SENDER = "supervisor"
PREFETCH = 50
"""The most commands in hand; further ones wait at the broker."""
WORKERS = 8
"""Acting commands at the same time; `list` and refusals have threads of their own."""
QUICK_WORKERS = 4
REMEMBERED = 1000
"""Commands whose reply is kept, in case that the broker delivers them again."""
CONFIRMATION_TIMEOUT_S = 30.0
"""Seconds that a reply may take to be confirmed before its command is acknowledged."""
CHECK_INTERVAL_S = 5.0
"""Seconds between two looks at the engine."""
STATE_VALID_S = 40.0
"""Seconds after which the state file is out of date: the engine may take long to answer."""


class Supervisor:
    """Takes commands until `stop`."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._commands = Commands(engine)
        self._state = StateFile(settings.state_file, STATE_VALID_S)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._engine_problem = ""
        self._replies: OrderedDict[UUID, Future[Message]] = OrderedDict()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="command")
        self._quick = ThreadPoolExecutor(QUICK_WORKERS, thread_name_prefix="quick")
        self._publisher = Publisher(settings.broker, SENDER, on_state=lambda _: self._wake.set())
        self._link = BrokerLink(
            settings.broker,
            f"{SENDER}-receive",
            (Subscription(AGENT_CONTROL, PREFETCH, namespace_selector(settings.namespace)),),
            on_message=self._arrived,
            on_state=lambda _: self._wake.set(),
        )

    def run(self) -> None:
        """Serve until `stop`: READY while the broker is connected and the engine answers."""
        self._state.write(OperationalState.STARTING)
        self._publisher.start()
        self._link.start()
        log.info("serving the agents of %s", self._settings.project)
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                self._state.write(self._check())
                self._wake.wait(CHECK_INTERVAL_S)
        finally:
            self._end()

    def stop(self) -> None:
        """Take no more commands, finish the actions in progress and end; returns at once."""
        self._stopping.set()
        self._wake.set()

    def _check(self) -> OperationalState:
        try:
            self._engine.ping()
        except TestbedError as error:
            if str(error) != self._engine_problem:
                log.error("%s", error)
            self._engine_problem = str(error)
            return OperationalState.STARTING
        if self._engine_problem:
            log.info("the Docker engine answers again")
        self._engine_problem = ""
        connected = self._link.connected and self._publisher.link.connected
        return OperationalState.READY if connected else OperationalState.STARTING

    def _end(self) -> None:
        self._stopping.set()
        self._workers.shutdown(cancel_futures=True)  # what has not begun is delivered again
        self._commands.close()
        self._quick.shutdown()
        self._publisher.stop()
        self._link.stop()
        self._state.write(OperationalState.EXITED)

    # On the receiver's thread: must not wait.

    def _arrived(self, delivery: Delivery) -> None:
        if self._stopping.is_set():
            return
        bare = replace(delivery, body="")  # a body is no longer needed, and may be large
        try:
            command = read_command(delivery, self._settings.namespace)
        except MalformedMessage as error:
            self._quick.submit(_logged, self._refuse, bare, str(error))
            return
        reply = self._replies.get(command.message_id)
        if reply is None:
            reply = self._begin(command)
        else:
            log.warning("%s %s came again", command.msg_type, command.message_id)
        reply.add_done_callback(
            lambda done: self._quick.submit(_logged, self._answer, bare, command, done)
        )

    def _begin(self, command: AgentCommand) -> Future[Message]:
        reply: Future[Message] = Future()
        self._replies[command.message_id] = reply
        while len(self._replies) > REMEMBERED:
            self._replies.popitem(last=False)
        pool = self._quick if command.msg_type == "list" else self._workers
        pool.submit(self._carry_out, command, reply)
        return reply

    # On the pools' threads.

    def _carry_out(self, command: AgentCommand, reply: Future[Message]) -> None:
        answer: Message
        try:
            answer = self._commands.carry_out(command)
        except Exception as error:  # every command gets an answer
            log.exception("%s failed", command.msg_type)
            answer = Rejected(reason=f"{type(error).__name__}: {error}")
        named = {
            "message_id": uuid5(command.message_id, f"{SENDER}/reply"),
            "sender": SENDER,
            "namespace": self._settings.namespace,
        }
        reply.set_result(answer.model_copy(update=named))

    def _answer(self, delivery: Delivery, command: AgentCommand, reply: Future[Message]) -> None:
        if self._send(delivery, reply.result(), str(command.message_id)):
            self._link.ack(delivery)

    def _refuse(self, delivery: Delivery, reason: str) -> None:
        """Refuse a message that is not a command; without `reply-to` it becomes a dead letter."""
        log.warning("rejected: %s", reason)
        if "reply-to" not in delivery.headers:
            self._link.nack(delivery)
            return
        reply = Rejected(reason=reason, sender=SENDER, namespace=self._settings.namespace)
        if self._send(delivery, reply, "unknown"):
            self._link.ack(delivery)

    def _send(self, delivery: Delivery, reply: Message, message_id: str) -> bool:
        """Send a reply to the delivery's `reply-to`, and a copy to the recorder; whether both are
        confirmed.
        """
        correlation = {"correlation-id": delivery.headers.get("correlation-id") or message_id}
        self._publisher.publish(CONTROL, reply, correlation, best_effort=True)
        reply_to = delivery.headers.get("reply-to")
        if reply_to is not None:
            headers = {**correlation, "persistent": "false"}
            self._publisher.publish(reply_to, reply, headers, best_effort=True)
        confirmed = self._publisher.flush(CONFIRMATION_TIMEOUT_S)
        if not confirmed:
            log.error("a reply is not confirmed by the broker; its command comes again")
        return confirmed


def _logged(call: Callable[..., None], *arguments: object) -> None:
    """Run a task on a pool and log its failure: no caller waits for its result."""
    try:
        call(*arguments)
    except Exception:
        log.exception("a reply could not be sent")
