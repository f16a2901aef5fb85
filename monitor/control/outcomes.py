"""Why what was asked for is not done, or not known to be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST_WAITING = 16
"""Commands that wait for a reply at once. Each holds a thread that nobody else can have."""


class NoAnswer(Exception):
    """Nobody answered a command in time."""

    status = 503
    """Of the HTTP answer."""


class Unanswered(NoAnswer):
    """A command was sent to somebody who listens, and nobody answered: it may be carried out.

    :ivar message_id: the command's
    """

    status = 504

    def __init__(self, msg_type: str, message_id: str, seconds: float) -> None:
        super().__init__(
            f"The command {msg_type} was sent ({message_id}) and not answered in {seconds:g} s, "
            "though a workflow-runner takes commands: it may be carried out all the same. The "
            "predecessor's runner never answers. Look at what runs before you send it again."
        )
        self.message_id = message_id


class Refused(Exception):
    """What was asked for is not done; the message says why."""

    status = 409


class Unknown(Refused):
    """There is no such thing as was named."""

    status = 404


class Places:
    """Places for those who wait, no more than `MOST_WAITING`."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(MOST_WAITING)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place.

        :raises NoAnswer: there is none left
        """
        if not self._free.acquire(blocking=False):
            raise NoAnswer(
                f"{MOST_WAITING} commands wait for an answer already, so this one was not sent. "
                "Does the program hang that should answer them? See: testbed status"
            )
        try:
            yield
        finally:
            self._free.release()
