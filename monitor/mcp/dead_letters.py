"""Tools on dead letters: messages that no agent could handle, each with its reason."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from monitor.mcp.lists import Few, Page, Record, given, page
from monitor.mcp.texts import Untrusted, UntrustedJson, UntrustedLine
from monitor.mcp.tools import row_or_error
from monitor.records.models import DeadLetter
from monitor.records.queries.messages import open_letters
from swf_common.protocol.message import UtcTime


class LetterSummary(Record):
    """A message that could not be handled."""

    id: int
    received_at: UtcTime
    resolution: str = Field(description="open, retried or discarded")
    destination: str = Field(description="the queue in which it was refused")
    message_type: str
    execution_id: str | None
    cause: UntrustedLine


class LetterDetails(LetterSummary):
    """All that is known of a dead letter."""

    cause: Untrusted
    message_id: Any = Field(description="null when nobody can read it")
    failure: UntrustedJson = Field(
        description="the last failing try: error, text, subject (file or run), place, try, agent, "
        "log_id (see get_log_entry); null when its consumer did not report it"
    )
    body: Untrusted


def list_dead_letters(
    execution_id: Annotated[str | None, Field(description="of this execution")] = None,
    message_type: Annotated[str | None, Field(description="such as stf_gen")] = None,
    open_only: Annotated[bool, Field(description="leave out those dealt with")] = True,
    limit: Few = 100,
) -> Page[LetterSummary]:
    """Messages that no agent could handle, with the reason, newest first.

    Next: get_dead_letter. An operator retries or discards them: testbed dead-letters.
    """
    letters = open_letters() if open_only else DeadLetter.objects.all()
    rows = letters.filter(**given(execution_id=execution_id, message_type=message_type))
    return page(rows.defer("body", "headers").order_by("-id"), limit, LetterSummary)


def get_dead_letter(
    letter_id: Annotated[int, Field(ge=1, le=2**63 - 1, description="from list_dead_letters")],
) -> LetterDetails:
    """One dead letter: the error of the last try, who refused it, and the message itself.

    Next: get_log_entry(failure.log_id), and list_logs for the traceback of the first try.
    """
    rows = DeadLetter.objects.filter(pk=letter_id)
    row = row_or_error(rows, "dead letter", letter_id, "list_dead_letters")
    return LetterDetails.model_validate(row)


READING = (list_dead_letters, get_dead_letter)
ACTING = ()
