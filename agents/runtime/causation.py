"""Derives the ids of published messages from the message that is being handled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid5

from swf_common.protocol.message import Message


@dataclass
class _Handled:
    message_id: UUID
    reply_to: str | None
    published: int = 0


class Causation:
    """The message that the present thread handles, if it handles one."""

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def _handled(self) -> _Handled | None:
        return getattr(self._local, "handled", None)

    @contextmanager
    def of(self, message: Message, reply_to: str | None = None) -> Iterator[None]:
        """Inside the block, published messages derive their ids from `message`."""
        before = self._handled
        self._local.handled = _Handled(message.message_id, reply_to)
        try:
            yield
        finally:
            self._local.handled = before

    def next_message_id(self, purpose: str) -> UUID | None:
        """The id of the next message that is published: the same whenever the handled message
        is handled again; None outside of a handler.
        """
        handled = self._handled
        if handled is None:
            return None
        handled.published += 1
        return uuid5(handled.message_id, f"{purpose}/{handled.published}")

    @property
    def command_id(self) -> str:
        """The id of the handled command, by which its sender knows the reply.

        :raises LookupError: nothing is being handled
        """
        handled = self._handled
        if handled is None:
            raise LookupError("only a handler replies")
        return str(handled.message_id)

    @property
    def reply_to(self) -> str | None:
        """Where a reply to the handled command goes."""
        handled = self._handled
        return None if handled is None else handled.reply_to
