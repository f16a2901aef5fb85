"""Destinations at the broker (docs/messages.md).

Producers send to topics; the broker declares these virtual, and each program consumes its
own durable queue, which the replicas of the program share.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

EPICTOPIC = "/topic/epictopic"
SLICES = "/topic/panda.slices"
RESULTS = "/topic/panda.results"
WORKERS = "/topic/panda.workers"
CONTROL = "/topic/testbed.control"
"""Copies of commands, made by the broker, and of the replies to them, sent by who replies."""
COPIED = "copied"
"""Header of a command whose sender has sent the copy for the record: the broker makes none."""
RETRIED = "retried"
"""Header of a dead letter that an operator sends again: it is handled, however old it is."""
TOPICS = (EPICTOPIC, SLICES, RESULTS, WORKERS, CONTROL)

WORKFLOW_CONTROL = "/queue/workflow_control"
AGENT_CONTROL = "/queue/agent_control"
DEAD_LETTER_QUEUE = "/queue/DLQ."
"""Start of the name of each dead-letter queue; the queue that it belongs to follows."""

RECORDER = "recorder"
"""The program that records what is sent to every topic."""


def consumer_queue(namespace: str, program: str, topic: str) -> str:
    """The durable queue through which `program` receives what is sent to `topic`.

    >>> consumer_queue("torre1", "example-data-agent", EPICTOPIC)
    '/queue/Consumer.torre1-example-data-agent.epictopic'
    """
    if not topic.startswith("/topic/"):
        raise ValueError(f"{topic!r} is not a topic: it has to start with /topic/")
    return f"/queue/Consumer.{namespace}-{program}.{topic.removeprefix('/topic/')}"


def program_of(namespace: str, queue: str) -> str | None:
    """The program that a consumer queue belongs to; None for any other queue.

    :param queue: its name, with or without `/queue/`

    >>> program_of("torre1", "Consumer.torre1-transformer.panda.slices")
    'transformer'
    """
    name = queue.removeprefix("/queue/")
    start = f"Consumer.{namespace}-"
    if not name.startswith(start):
        return None
    rest = name.removeprefix(start)
    for topic in TOPICS:  # a program's name may hold dots too
        end = f".{topic.removeprefix('/topic/')}"
        if rest.endswith(end) and len(rest) > len(end):
            return rest.removesuffix(end)
    return rest.partition(".")[0] or None


def queues_of(
    namespace: str, programs: Iterable[str], queues: Iterable[dict[str, Any]] | None
) -> list[dict[str, Any]] | None:
    """The queues of programs and of the recorder; None while the recorder has never consumed, and
    so what was sent is not recorded, or while nothing is known of queues.

    :param queues: rows with the name of a queue each, without `/queue/`
    """
    prefixes = tuple(f"Consumer.{namespace}-{program}." for program in (*programs, RECORDER))
    own = [one for one in queues or () if one["queue"].startswith(prefixes)]
    return own if any(f"-{RECORDER}." in one["queue"] for one in own) else None


def namespace_selector(namespace: str) -> str:
    """The selector by which a consumer of a shared command queue sees only its own commands."""
    return f"namespace = '{namespace}'"
