"""Why a message was refused: in the agent's log, and from there in the record of a dead letter.

A NACK carries no text. So the facts travel with the log record, in `extra_data.refused`, and the
recorder joins them to the dead letter by queue and broker message id: that id stays the same over
all deliveries, and the dead letter has it too.
"""

from __future__ import annotations

import logging
import threading
import traceback
from pathlib import Path
from typing import Any

from agents.runtime.recent import Recent
from agents.runtime.subjects import subject_of
from swf_common.broker.model import Delivery
from swf_common.protocol.message import Message

log = logging.getLogger(__name__)

TEXT_LENGTH = 2_000
ROOT = Path(__file__).resolve().parents[2]
GROUND = (ROOT / "agents" / "runtime", ROOT / "swf_common")


class NotConfirmed(Exception):
    """The broker did not confirm what was published for it."""


class Refusals:
    """Reports each refused message, and remembers which ones it has reported before."""

    def __init__(self) -> None:
        self._tries: Recent[tuple[str, str], list[str]] = Recent()
        self._lock = threading.Lock()

    def report(
        self, delivery: Delivery, message: Message | None, error: BaseException
    ) -> dict[str, Any]:
        """Log why a message is refused; the facts that go with the log record.

        The first failure of a kind has a traceback, later ones of the same message are one line.

        :param message: None when it could not be understood
        """
        kind = type(error).__name__
        with self._lock:
            kinds = self._failures_of(delivery)
            with_traceback = kind not in kinds and message is not None
            kinds.append(kind)
        facts = {
            "queue": delivery.headers.get("destination", ""),
            "broker_message_id": delivery.headers.get("message-id", ""),
            "message_id": str(message.message_id) if message else None,
            "msg_type": message.msg_type if message else None,
            "subject": storable(subject_of(message)) if message else "",
            "error": kind,
            "text": storable(str(error)),
            "place": _place_of(error),
            "try": len(kinds),
        }
        what = f"{message.msg_type} {facts['subject']}".strip() if message else "a message"
        log.error(
            "%s is refused, try %d: %s (message %s)",
            what,
            len(kinds),
            reason_of(error),
            facts["message_id"] or facts["broker_message_id"],
            exc_info=error if with_traceback else None,
            extra={"refused": facts},
        )
        return facts

    def _failures_of(self, delivery: Delivery) -> list[str]:
        """The kinds of errors of a message so far, the first try's first."""
        key = (delivery.headers.get("destination", ""), delivery.headers.get("message-id", ""))
        return self._tries.keep(key, self._tries.get(key) or [])


def reason_of(error: BaseException) -> str:
    """An error's type and text."""
    text = storable(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def storable(text: str) -> str:
    """A text that fits into a record: not too long, with a mark for what no database takes."""
    kept = text[:TEXT_LENGTH].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return kept.encode("utf-8", "replace").decode()


def _place_of(error: BaseException) -> str:
    """File and line where an error was raised, or from where the agent's own code called what
    raised it; empty when it was not raised.
    """
    frames = [(Path(one.filename), one.lineno) for one in traceback.extract_tb(error.__traceback__)]
    own = [frame for frame in frames if not _is_ground(frame[0])]
    if not frames:
        return ""
    path, line = (own or frames)[-1]
    return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{line}"


def _is_ground(path: Path) -> bool:
    """Whether a file is what agents stand on: the runtime, the protocol, a library."""
    return not path.is_relative_to(ROOT) or any(path.is_relative_to(part) for part in GROUND)
