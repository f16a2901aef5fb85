"""Asking the workflow-runner and the broker over reply queues."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

from django.conf import settings

from testbed.protocol.destinations import WORKFLOW_CONTROL
from testbed.protocol.link import Broker, BrokerLink, Delivery, LinkDown, Subscription
from testbed.protocol.messages import MalformedMessage, Message, RunWorkflow, parse

REPLIES = "/temp-queue/replies"
ANSWER_S = 5.0
"""Seconds that a command may take to be answered; an unanswered command expires then."""
STATISTICS = "/queue/ActiveMQ.Statistics.Destination."
STATISTICS_END = "ActiveMQ.Statistics.Destination.List.End.With.Null"
"""Header that asks the broker to end its answers with an empty one."""
STATISTICS_S = 2.0
CONSUMER_QUEUES = "Consumer.>"
DEAD_LETTER_QUEUES = "DLQ.>"


class NoAnswer(Exception):
    """Nobody answered a command in time."""


def broker() -> Broker:
    """The broker as the monitor logs in to it."""
    return Broker(
        settings.ACTIVEMQ_HOST,
        settings.ACTIVEMQ_PORT,
        settings.ACTIVEMQ_USER,
        settings.ACTIVEMQ_PASSWORD,
    )


class Control:
    """A connection for commands; a request and its replies find each other by correlation id."""

    def __init__(self, at: Broker) -> None:
        self._changed = threading.Condition()
        self._replies: dict[str, list[Delivery]] = {}
        self._link = BrokerLink(
            at,
            "control",
            (Subscription(REPLIES, 1000, ack="auto", transformation="jms-map-json"),),
            on_message=self._arrived,
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

        :raises NoAnswer: no runner of the namespace replied in `ANSWER_S` seconds; the command
            has expired and will not be carried out later
        """
        deadline = time.time() + ANSWER_S
        expires = int(deadline * 1000)
        if isinstance(command, RunWorkflow):
            expires_at = datetime.fromtimestamp(deadline, UTC)
            command = command.model_copy(update={"expires_at": expires_at})
        headers = {**command.headers(), "persistent": "false", "expires": str(expires)}
        key = str(command.message_id)
        try:
            replies = self._ask(WORKFLOW_CONTROL, command.body(), headers, key, bool, ANSWER_S)
        except LinkDown as error:
            raise NoAnswer(f"The broker cannot be reached: {error}") from error
        if not replies:
            raise NoAnswer(
                f"No workflow-runner of namespace {command.namespace} answered in "
                f"{ANSWER_S:.0f} s. Is one running? See: testbed status"
            )
        try:
            return parse(replies[0].body)
        except MalformedMessage as error:
            raise NoAnswer(f"The reply cannot be understood: {error}") from error

    def queue_depths(self, pattern: str = CONSUMER_QUEUES) -> list[dict[str, Any]]:
        """Queues with the number of messages that wait or are being handled.

        :param pattern: which queues, in the broker's wildcards
        :raises NoAnswer: the broker did not answer
        """
        key = str(uuid4())
        headers = {STATISTICS_END: "true"}

        def ended(answers: list[Delivery]) -> bool:
            return bool(answers) and not _statistics(answers[-1])

        try:
            answers = self._ask(STATISTICS + pattern, "", headers, key, ended, STATISTICS_S)
        except LinkDown as error:
            raise NoAnswer(f"The broker cannot be reached: {error}") from error
        if not ended(answers):
            raise NoAnswer("The broker did not tell its queues in time")
        return [
            {
                "queue": str(facts["destinationName"]).partition("://")[2],
                "depth": facts["size"],
                "in_flight": facts["inflightCount"],
                "consumers": facts["consumerCount"],
            }
            for facts in map(_statistics, answers[:-1])
        ]

    def _ask(
        self,
        destination: str,
        body: str,
        headers: dict[str, str],
        key: str,
        complete: Callable[[list[Delivery]], bool],
        timeout: float,
    ) -> list[Delivery]:
        with self._changed:
            self._replies[key] = []
        try:
            self._link.send(
                destination, body, {**headers, "reply-to": REPLIES, "correlation-id": key}
            )
            with self._changed:
                self._changed.wait_for(lambda: complete(self._replies[key]), timeout)
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


def _statistics(answer: Delivery) -> dict[str, Any]:
    """One answer of the statistics plugin: a map in ActiveMQ's JSON form, by name.

    An entry is `{"string": name, "<type>": value}`, or `{"string": [name, value]}` for a text.
    """
    content = json.loads(answer.body)["map"]
    if not content:
        return {}
    facts = {}
    for entry in content["entry"]:
        name = entry.pop("string")
        if isinstance(name, list):
            facts[name[0]] = name[1]
        else:
            (facts[name],) = entry.values()
    return facts


@cache
def control() -> Control:
    """This process's connection for commands; the ASGI application starts and stops it."""
    return Control(broker())
