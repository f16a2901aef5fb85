"""Dead letters: sent again to the queue where they were refused, or laid aside."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import transaction

from monitor.control.commands import Refused, Unknown, control
from monitor.records.models import DeadLetter
from swf_common.protocol.destinations import RETRIED

log = logging.getLogger(__name__)

KEPT_HEADERS = ("namespace", "msg_type", "execution_id", "run_id", "correlation-id", "reply-to")
"""Headers of the first sending that the second one carries too; the others are the broker's."""


def retry(asked_by: str, number: int) -> DeadLetter:
    """Send a dead letter once more to the one queue that it was refused in; the letter.

    What has been dealt with meanwhile is known by its message id. If it is refused again it comes
    back as a letter of its own.

    :raises Unknown: there is no such letter
    :raises Refused: it is not open any more, or the broker does not take it
    :raises NoAnswer: the broker cannot be reached
    """
    return _settle(asked_by, number, "retried", _send)


def discard(asked_by: str, number: int) -> DeadLetter:
    """Lay a dead letter aside; it stays in the records.

    :raises Unknown: there is no such letter
    :raises Refused: it is not open any more
    """
    return _settle(asked_by, number, "discarded", lambda letter: None)


def _send(letter: DeadLetter) -> None:
    headers = {name: letter.headers[name] for name in KEPT_HEADERS if name in letter.headers}
    own = {"persistent": "true", RETRIED: "true"}
    control().send_text(letter.destination, letter.body, {**headers, **own})


def _settle(
    asked_by: str, number: int, resolution: str, act: Callable[[DeadLetter], None]
) -> DeadLetter:
    """Give an open letter its resolution, once its action is done; nobody else does it too."""
    with transaction.atomic():
        letter = DeadLetter.objects.select_for_update().filter(pk=number).first()
        if letter is None:
            raise Unknown(f"There is no dead letter {number}.")
        if letter.resolution != "open":
            raise Refused(f"Dead letter {number} is {letter.resolution} already.")
        act(letter)
        letter.resolution = resolution
        letter.save(update_fields=["resolution"])
    log.info("%s has %s dead letter %s for %s", asked_by, resolution, number, letter.destination)
    return letter
