"""Dead letters as the command shows them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from swf_common.protocol.destinations import program_of
from testbed.output import console

HEADER = ["LETTER", "RECEIVED", "STATE", "TYPE", "REFUSED BY", "EXECUTION", "CAUSE"]
FACTS = (
    ("Cause", "cause"),
    ("State", "resolution"),
    ("Meant for", "destination"),
    ("Type", "message_type"),
    ("Message id", "message_id"),
    ("Execution", "execution_id"),
    ("Received", "received_at"),
)
REPORTED = (
    ("Error", "error"),
    ("Text", "text"),
    ("File or run", "subject"),
    ("Raised at", "place"),
    ("Tries", "try"),
    ("Refused by", "agent"),
    ("Log record", "log_id"),
)
"""What of a failing try is shown, beside the cause."""


def table(namespace: str, letters: Iterable[Mapping[str, Any]]) -> str:
    """Letters as lines of text."""
    rows = [
        [
            str(one["id"]),
            f"{one['received_at'][:19]}Z",
            one["resolution"],
            one["message_type"] or "-",
            program_of(namespace, one["destination"]) or one["destination"],
            one["execution_id"] or "-",
            " ".join(one["cause"].split()),
        ]
        for one in letters
    ]
    return console.table(HEADER, rows)


def lines(letter: Mapping[str, Any]) -> list[str]:
    """All that is known of a letter."""
    failure = letter["failure"] if isinstance(letter["failure"], dict) else {}
    facts = [(name, letter[key]) for name, key in FACTS]
    facts += [(name, failure.get(key)) for name, key in REPORTED]
    shown = [(name, str(value)) for name, value in facts if value not in (None, "")]
    width = max(len(name) for name, _ in shown)
    head = [f"{name:<{width}}  {value}" for name, value in shown]
    return [f"Dead letter {letter['id']}", *head, "", readable(letter["body"])]


def readable(body: str) -> str:
    """A body that is JSON for people; any other as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
