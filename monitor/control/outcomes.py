"""Why what was asked for is not done, or not known to be."""

from __future__ import annotations


class NoAnswer(Exception):
    """Nobody answered a command in time."""


class Unanswered(NoAnswer):
    """A command was sent to somebody who listens, and nobody answered: it may be carried out.

    :ivar message_id: the command's
    """

    def __init__(self, msg_type: str, message_id: str, seconds: float) -> None:
        super().__init__(
            f"The command {msg_type} was sent ({message_id}) and not answered in {seconds:g} s, "
            "though a workflow-runner takes commands: it may be carried out all the same. The "
            "predecessor's runner never answers. Look at what runs before you send it again."
        )
        self.message_id = message_id


class Refused(Exception):
    """What was asked for is not done; the message says why."""


class Unknown(Refused):
    """There is no such thing as was named."""
