"""Asking the workflow-runner, the supervisor and the broker over reply queues."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

from django.conf import settings

from monitor.control.outcomes import NoAnswer as NoAnswer
from monitor.control.outcomes import Places
from monitor.control.outcomes import Refused as Refused
from monitor.control.outcomes import Unanswered as Unanswered
from monitor.control.outcomes import Unknown as Unknown
from monitor.control.statistics import STATISTICS, STATISTICS_END, depths, facts
from monitor.records.database import give_back
from swf_common.broker.connection import BrokerLink, BrokerUnavailable
from swf_common.broker.model import Broker, Delivery, Subscription
from swf_common.protocol.agent_control import AgentCommand
from swf_common.protocol.destinations import AGENT_CONTROL, CONTROL, COPIED, WORKFLOW_CONTROL
from swf_common.protocol.message import MalformedMessage, Message
from swf_common.protocol.messages import parse
from swf_common.service.settings import Environment

REPLIES = "/temp-queue/replies"
ANSWER_TIMEOUT_S = 4.5
"""Seconds that a command to the runner may take to be answered; one that nobody took expires
then."""
BEGIN_TIMEOUT_S = 4.0
"""Seconds within which the supervisor has to begin with a command; later it has expired."""
SUPERVISOR_TIMEOUT_S = 15.0
"""Seconds in which the supervisor answers `list`, `start` and `kill`, and which it may need beside
the time that a container takes to stop."""
STOP_TIMEOUT_S = 30
"""Seconds that an agent may take to stop unless the command says otherwise: compose.yaml's
`stop_grace_period`."""
CONFIRM_TIMEOUT_S = 5.0
"""Seconds in which the broker confirms what is sent to everybody."""
STATISTICS_TIMEOUT_S = 2.0
CONSUMERS_TIMEOUT_S = 0.4
"""Seconds in which the broker says whether anybody takes commands: a caller knows within five."""
CONSUMER_QUEUES = "Consumer.>"
DEAD_LETTER_QUEUES = "DLQ.>"


def broker() -> Broker:
    """The broker as the monitor logs in to it."""
    return Environment().broker("monitor")


class Control:
    """A connection for commands; a request and its replies find each other by correlation id.

    :param before_waiting: called before the broker's answer is waited for
    """

    def __init__(self, at: Broker, before_waiting: Callable[[], None] = give_back) -> None:
        self._before_waiting = before_waiting
        self._places = Places()
        self._changed = threading.Condition()
        self._replies: dict[str, list[Delivery]] = {}
        self._receipts: dict[str, str | None] = {}
        self._link = BrokerLink(
            at,
            "control",
            (Subscription(REPLIES, 1000, ack="auto", transformation="jms-map-json"),),
            on_message=self._arrived,
            on_receipt=self._confirmed,
            on_refused=self._refused,
        )

    @property
    def connected(self) -> bool:
        return self._link.connected

    @property
    def last_error(self) -> str:
        return self._link.last_error

    def start(self) -> None:
        self._link.start()

    def stop(self) -> None:
        self._link.stop()

    def ask_runner(self, command: Message) -> Message:
        """Send a command to the workflow-runner and wait for its reply.

        :raises Unanswered: somebody takes commands, and did not reply in `ANSWER_TIMEOUT_S` seconds
        :raises NoAnswer: nobody takes commands; this one will not be carried out later
        """
        reply = self._command(WORKFLOW_CONTROL, command, ANSWER_TIMEOUT_S, ANSWER_TIMEOUT_S)
        if reply is not None:
            return reply
        if self._has_consumers(WORKFLOW_CONTROL, CONSUMERS_TIMEOUT_S):
            raise Unanswered(command.msg_type, str(command.message_id), ANSWER_TIMEOUT_S)
        raise NoAnswer(
            f"No workflow-runner of namespace {command.namespace} answered in "
            f"{ANSWER_TIMEOUT_S:g} s, and none takes commands: this one will not be carried out. "
            "See: testbed status"
        )

    def ask_supervisor(self, command: AgentCommand, patience: float | None = None) -> Message:
        """Send a command to the supervisor and wait for its reply.

        :param patience: seconds to wait for it; default: as long as it may take
        :raises NoAnswer: no supervisor of the namespace replied in time, or it is switched off;
            a command that has not been begun by then will not be carried out later. Where the
            broker knows of no supervisor at all, this comes after `BEGIN_TIMEOUT_S` seconds
        """
        if not settings.TESTBED_SUPERVISOR:
            raise NoAnswer(
                "This testbed has no supervisor: [supervisor] enabled = false in testbed.toml. "
                "Agents can be started and stopped with the `testbed` command on the host only."
            )
        patience = patience_with(command) if patience is None else patience
        started = time.monotonic()
        reply = self._command(AGENT_CONTROL, command, BEGIN_TIMEOUT_S, patience, self._supervised)
        if reply is None:
            waited = time.monotonic() - started
            raise NoAnswer(
                f"No supervisor of namespace {command.namespace} answered in {waited:.0f} s. Does "
                "it run ([supervisor] enabled in testbed.toml)? See: testbed status, testbed logs "
                "supervisor"
            )
        return reply

    def send(self, destination: str, message: Message) -> None:
        """Send a message to a topic, and wait until the broker has it.

        :raises NoAnswer: the broker is away or does not confirm it
        :raises Refused: the broker does not take it
        """
        self.send_text(destination, message.body(), message.headers())

    def send_text(self, destination: str, body: str, headers: dict[str, str]) -> None:
        """Send a text as it is, and wait until the broker has it.

        :raises NoAnswer: the broker is away or does not confirm it
        :raises Refused: the broker does not take it
        """
        receipt = f"send-{uuid4()}"
        with self._changed:
            self._receipts[receipt] = None
        try:
            self._link.send(destination, body, {**headers, "receipt": receipt})
            self._before_waiting()
            with self._changed:
                self._changed.wait_for(
                    lambda: self._receipts[receipt] is not None, CONFIRM_TIMEOUT_S
                )
                answer = self._receipts[receipt]
        except BrokerUnavailable as error:
            raise NoAnswer(f"The broker cannot be reached: {error}") from error
        finally:
            with self._changed:
                del self._receipts[receipt]
        if answer is None:
            raise NoAnswer(f"The broker did not confirm the message in {CONFIRM_TIMEOUT_S:g} s")
        if answer:
            raise Refused(f"The broker refused the message: {answer}")

    def queue_depths(
        self, pattern: str = CONSUMER_QUEUES, patience: float | None = None
    ) -> list[dict[str, Any]]:
        """Queues with the number of messages that wait or are being handled.

        :param pattern: which queues, in the broker's wildcards
        :param patience: seconds to wait for the broker's answer
        :raises NoAnswer: the broker did not answer
        """
        key = str(uuid4())
        headers = {STATISTICS_END: "true"}

        def ended(answers: list[Delivery]) -> bool:
            return bool(answers) and not facts(answers[-1])

        try:
            seconds = STATISTICS_TIMEOUT_S if patience is None else patience
            answers = self._ask(STATISTICS + pattern, "", headers, key, ended, seconds)
        except BrokerUnavailable as error:
            raise NoAnswer(f"The broker cannot be reached: {error}") from error
        if not ended(answers):
            raise NoAnswer("The broker did not report its queues in time")
        return [depths(facts(answer)) for answer in answers[:-1]]

    def _supervised(self) -> bool:
        """Whether a supervisor listens, as far as the broker says."""
        return self._has_consumers(AGENT_CONTROL)

    def _has_consumers(self, queue: str, patience: float | None = None) -> bool:
        """Whether somebody consumes from a queue; also when the broker does not say."""
        try:
            queues = self.queue_depths(queue.removeprefix("/queue/"), patience)
        except NoAnswer:
            return True
        return any(queue["consumers"] for queue in queues)

    def _command(
        self,
        queue: str,
        command: Message,
        valid: float,
        patience: float,
        alive: Callable[[], bool] | None = None,
    ) -> Message | None:
        """The reply to a command; None when there is none in time.

        The command expires, its copy for the record does not: it is sent apart, with a
        header by which the broker makes none.

        :param valid: seconds for which the command may be begun
        :param patience: seconds to wait for the reply
        :param alive: asked now and then whether somebody is there who could answer
        :raises NoAnswer: the broker is away, too many wait already, or the reply makes no sense
        """
        deadline = time.time() + valid
        if "expires_at" in type(command).model_fields:
            expires_at = datetime.fromtimestamp(deadline, UTC)
            command = command.model_copy(update={"expires_at": expires_at})
        key = str(command.message_id)
        headers = {
            **command.headers(),
            "persistent": "false",
            "expires": str(int(deadline * 1000)),
            COPIED: "true",
        }
        try:
            copy = {**command.headers(), "correlation-id": key}
            with self._places.one():
                self._link.send(CONTROL, command.body(), copy)
                replies = self._ask(queue, command.body(), headers, key, bool, patience, alive)
        except BrokerUnavailable as error:
            raise NoAnswer(f"The broker cannot be reached: {error}") from error
        try:
            return parse(replies[0].body) if replies else None
        except MalformedMessage as error:
            raise NoAnswer(f"The reply cannot be understood: {error}") from error

    def _ask(
        self,
        destination: str,
        body: str,
        headers: dict[str, str],
        key: str,
        complete: Callable[[list[Delivery]], bool],
        timeout: float,
        alive: Callable[[], bool] | None = None,
    ) -> list[Delivery]:
        """Send a question; the answers to it, once they are complete or waiting is given up.

        :param alive: asked each `BEGIN_TIMEOUT_S` seconds whether anybody could answer
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            self._replies[key] = []
        try:
            self._link.send(
                destination, body, {**headers, "reply-to": REPLIES, "correlation-id": key}
            )
            self._before_waiting()
            while (left := deadline - time.monotonic()) > 0:
                with self._changed:
                    pause = left if alive is None else min(left, BEGIN_TIMEOUT_S)
                    if self._changed.wait_for(lambda: complete(self._replies[key]), pause):
                        break
                if alive is not None and not alive():
                    break
            with self._changed:
                return list(self._replies[key])
        finally:
            with self._changed:
                del self._replies[key]

    def _arrived(self, delivery: Delivery) -> None:
        key = delivery.headers.get("correlation-id", "")
        with self._changed:
            if key in self._replies:
                self._replies[key].append(delivery)
                self._changed.notify_all()

    def _confirmed(self, receipt: str) -> None:
        self._settle(receipt, "")

    def _refused(self, receipt: str, reason: str) -> None:
        self._settle(receipt, reason or "no reason given")

    def _settle(self, receipt: str, answer: str) -> None:
        """Note what the broker said to a message: nothing when it was confirmed."""
        with self._changed:
            if receipt in self._receipts:
                self._receipts[receipt] = answer
                self._changed.notify_all()


def sender_of(asked_by: str) -> str:
    """How a user is named as the sender of messages."""
    return f"user-{asked_by}"[:100]


def patience_with(command: AgentCommand) -> float:
    """Seconds to wait for the supervisor's reply to a command."""
    if command.msg_type in ("stop", "restart"):
        stop_s = STOP_TIMEOUT_S if command.timeout is None else command.timeout
        return stop_s + SUPERVISOR_TIMEOUT_S + 5
    return SUPERVISOR_TIMEOUT_S


@cache
def control() -> Control:
    """This process's connection for commands; the ASGI application starts and stops it."""
    return Control(broker())
