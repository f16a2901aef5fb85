"""What the handlers of an agent use: sending, answering, saying what they are at work on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from agents.runtime.causation import Causation
from agents.runtime.condition import Condition
from agents.runtime.neighbours import Neighbours
from agents.runtime.parameters import ExecutionParameters
from agents.runtime.settings import AgentSettings
from agents.runtime.watch import Watch
from swf_common.broker.publisher import Publisher
from swf_common.protocol.destinations import CONTROL
from swf_common.protocol.message import Message
from swf_common.protocol.messages import StfFailed, StfGen
from swf_common.service.monitor_client import MonitorClient


class HandlerTools:
    """The part of `BaseAgent` that its handlers call."""

    agent_type: ClassVar[str]
    parameters: ExecutionParameters
    settings: AgentSettings
    publisher: Publisher
    monitor: MonitorClient
    instance_name: str
    _causation: Causation
    _condition: Condition
    _watch: Watch
    _neighbours: Neighbours
    _context: dict[str, str | None]
    _occupation: str

    def publish(
        self,
        destination: str,
        message: Message,
        headers: Mapping[str, str] | None = None,
        *,
        best_effort: bool = False,
    ) -> None:
        """Send a message in this agent's name; confirmed before the handled one is acknowledged.

        Within a handler its `message_id` follows from the handled message, so that a message
        handled twice is answered with the same messages.

        :param best_effort: a refusal by the broker does not fail the handler
        """
        self.publisher.publish(destination, self._signed(message), headers, best_effort=best_effort)

    def _signed(self, message: Message) -> Message:
        """A message in this agent's name, with the id that follows from the handled one."""
        changes: dict[str, Any] = {
            "sender": self.instance_name,
            "namespace": self.settings.namespace,
        }
        purpose = f"{self.settings.program}/{message.msg_type}"
        message_id = self._causation.next_message_id(purpose)
        if message_id is not None:
            changes["message_id"] = message_id
        return message.model_copy(update=changes)

    def reply(self, msg_type: str, **fields: Any) -> None:
        """Answer the command in hand: to its sender's `reply-to` if it gave one, and in copy to
        the topic from which commands and their answers are recorded.
        """
        answer = self._signed(Message(msg_type=msg_type, **fields))
        correlation = {"correlation-id": self._causation.command_id}
        self.publisher.publish(CONTROL, answer, correlation, best_effort=True)
        if self._causation.reply_to is not None:
            headers = {**correlation, "persistent": "false"}
            self.publisher.publish(self._causation.reply_to, answer, headers, best_effort=True)

    def passed(self, stage: str, *messages: StfGen | StfFailed, failed: bool = False) -> None:
        """Record that the STFs of messages have come to their end at a stage of this agent's, well
        or not. It is stored before the handled message is acknowledged, and counts once however
        often it is said; a failure becomes a success when a later try succeeds.

        :param stage: `stf.<name>`, as the label of the agent's service has it
        :raises MonitorRefused: it is no such stage, or there is no such execution
        """
        rows = [
            {
                "execution_id": message.execution_id,
                "stage": stage,
                "unit": message.filename,
                "failed": failed,
            }
            for message in messages
        ]
        if rows:
            self.monitor.call("POST", "stage-records/", rows)

    def takes_part(self, execution_id: str) -> bool:
        """Whether this agent takes part in an execution; it does when that names no agents.

        :raises MonitorRefused: there is no such execution
        """
        return self.parameters.enable(execution_id, self.agent_type, self.settings.program)

    def answering(self, message: Message) -> AbstractContextManager[None]:
        """Within a batch handler: what is published inside follows from this one message."""
        return self._causation.of(message)

    def note_once(self, run_id: str, text: str) -> None:
        """Log something that is true of many messages of a run, once for the run."""
        self._neighbours.note(run_id, text)

    def turn_to(self, message: Message) -> None:
        """Within a batch handler: from here on it works on this message, whose time begins."""
        self._watch.turn_to(message)

    def allow(self, seconds: float) -> None:
        """Within a handler that knows it: what it does now may take so much longer."""
        self._watch.excuse(seconds)

    @contextmanager
    def working(self, what: str = "") -> Iterator[None]:
        """PROCESSING while inside; for work that a message started but no handler waits for. It
        may take as long as it wants.

        :param what: it is, for people
        """
        self._occupation = what
        self._condition.take(1)
        try:
            yield
        finally:
            self._occupation = ""
            self._condition.finish(1)
            self._condition.settle()

    def set_context(self, execution_id: str | None, run_id: str | None) -> None:
        """What the agent works on: it is in its log records and, while it is at work, in its
        heartbeats.
        """
        self._context = {"execution_id": execution_id, "run_id": run_id}
