"""From a command to its reply."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from supervisor.engine import AgentContainer, Engine, EngineUnavailable
from swf_common.broker.model import Delivery
from swf_common.protocol.agent_control import AgentCommand, Done, Rejected
from swf_common.protocol.identifiers import same_container
from swf_common.protocol.message import MalformedMessage, Message, utc_now
from swf_common.protocol.messages import interpret, read_object
from swf_common.service.actions import ActionFailed, Actions

log = logging.getLogger(__name__)

VERBS = ("list", "start", "stop", "restart", "kill")
AT_ONCE = 32
"""Containers that are acted upon at the same time."""


class Refused(Exception):
    """A command is not carried out; the reason is the message."""


@dataclass(frozen=True)
class _Outcome:
    """What became of one container: how it is, and what went wrong (empty: nothing)."""

    container: AgentContainer
    problem: str = ""


def read_command(delivery: Delivery, namespace: str) -> AgentCommand:
    """The command in a delivery.

    A command without `message_id` is identified by the broker's id of the delivery: the same text
    may be sent twice.

    :raises MalformedMessage: it is not a command, or one for another namespace
    """
    content = read_object(delivery.body)
    if content.get("message_id") is None:
        content["message_id"] = str(uuid5(NAMESPACE_URL, delivery.headers.get("message-id", "")))
    verb = content.get("msg_type")
    if verb not in VERBS:
        raise MalformedMessage(f"{str(verb)[:40]!a} is none of: {', '.join(VERBS)}")
    if content.get("namespace") not in (None, namespace):
        raise MalformedMessage(f"it is for another namespace; this supervisor serves {namespace}")
    command = interpret(content)
    assert isinstance(command, AgentCommand)
    return command


def chosen(command: AgentCommand, agents: list[AgentContainer]) -> list[AgentContainer]:
    """The containers that a command means.

    :param agents: every agent container of the testbed
    :raises Refused: it names no container, or none that exists
    """
    programs = sorted({container.program for container in agents})
    known = "agents here: " + (", ".join(programs) or "none; `testbed up` creates them")
    named = command.program is not None or command.instance_name is not None
    if command.msg_type != "list" and not named:
        raise Refused(f"it names neither a program nor an instance_name; {known}")
    if command.instance_name is not None and command.container_id is None:
        raise Refused(
            f"the instance {command.instance_name} is found by its container: send the "
            f"container_id of its heartbeat too, or name its program; {known}"
        )
    if command.program is not None and command.program not in programs:
        raise Refused(f"{command.program} is not an agent of this testbed; {known}")
    wanted = [one for one in agents if command.program in (None, one.program)]
    if command.container_id is not None:
        wanted = [one for one in wanted if same_container(one.container_id, command.container_id)]
        if len(wanted) != 1:
            raise Refused(
                f"no container {command.container_id[:12]} belongs to "
                f"{command.program or 'an agent of this testbed'}; {known}"
            )
    return wanted


class Commands:
    """Carries commands out: several at the same time, but one at a time for each container."""

    def __init__(
        self,
        engine: Engine,
        actions: Actions[AgentContainer] | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._engine = engine
        self._actions = actions or Actions(engine)
        self._now = now
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="container")

    def carry_out(self, command: AgentCommand) -> Message:
        """Carry out a command; `done` when its effect was seen, else `rejected`."""
        try:
            self._demand_in_time(command)
            containers = chosen(command, self._engine.agents())
            if command.msg_type == "list":
                return Done(containers=[container.as_reply() for container in containers])
            outcomes = list(self._pool.map(lambda one: self._act(command, one), containers))
        except (Refused, EngineUnavailable, ActionFailed) as error:
            log.warning("%s: rejected: %s", described(command), error)
            return Rejected(reason=str(error))
        states = [outcome.container.as_reply() for outcome in outcomes]
        problems = [outcome.problem for outcome in outcomes if outcome.problem]
        if problems:
            return Rejected(reason="; ".join(dict.fromkeys(problems)), containers=states)
        return Done(containers=states)

    def close(self) -> None:
        """End the threads, after the actions in progress."""
        self._pool.shutdown()

    def _act(self, command: AgentCommand, container: AgentContainer) -> _Outcome:
        with self._locks[container.container_id]:
            started = time.monotonic()
            try:
                self._demand_in_time(command)
                after = self._actions.act(command.msg_type, container, command.timeout)
                outcome = _Outcome(after)
            except (Refused, EngineUnavailable, ActionFailed) as error:
                outcome = _Outcome(self._present(container), str(error))
            took = time.monotonic() - started
        now = outcome.container
        log.info(
            "%s: %s %s: was %s, is %s%s, after %.1f s%s",
            described(command),
            now.program,
            now.container_id[:12],
            container.state,
            now.state,
            f" (exit code {now.exit_code})" if now.ended else "",
            took,
            f": FAILED: {outcome.problem}" if outcome.problem else "",
        )
        return outcome

    def _present(self, container: AgentContainer) -> AgentContainer:
        """The container's present state, or the last known one."""
        try:
            return self._engine.inspect(container) or container
        except (EngineUnavailable, ActionFailed):
            return container

    def _demand_in_time(self, command: AgentCommand) -> None:
        if command.expires_at is not None and self._now() > command.expires_at:
            raise Refused("the command had expired before it could be carried out")


def described(command: AgentCommand) -> str:
    """A command in a log line: what, whom, and who asked."""
    whom = command.instance_name or command.program or "every agent"
    return f"{command.msg_type} {whom}, asked by {command.requested_by or 'nobody named'!a}"
