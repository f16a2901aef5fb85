"""What no log may hold: keys that sign somebody in. Viewers read logs."""

from __future__ import annotations

import logging
import re

HIDDEN = "<key>"
AFTER_LINK = re.compile(r"(/accounts/link/)[^/\s\"'?#)]+")
"""What follows the address of sign-in links, even when it is not a key, or only a part of one."""
COLON = "(?::|%(?:25)*3A)"
SIGNED = re.compile(rf"[\w-]+{COLON}[0-9a-z]{{6}}{COLON}[\w-]{{43}}", re.IGNORECASE)
"""A signed key wherever it stands: value, time and signature, as `django.core.signing` makes it."""


def redacted(text: str) -> str:
    """A text without its sign-in keys."""
    return SIGNED.sub(HIDDEN, AFTER_LINK.sub(rf"\1{HIDDEN}", text))


class RedactingFormatter(logging.Formatter):
    """Formats a record, its traceback included, without sign-in keys. Every handler of the monitor
    uses it, so that nobody who logs a path or a `Referer` has to think of them.
    """

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class RedactedArguments(logging.Filter):
    """The same for handlers of others, which format in their own way."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, its arguments without sign-in keys."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                redacted(argument) if isinstance(argument, str) else argument
                for argument in record.args
            )
        return True


def redact_server_logs() -> None:
    """Hide keys in what the server logs, its access log included, should somebody switch it on.

    Settings cannot do that: to configure `uvicorn` there switches its access log on.
    """
    for name in ("uvicorn", "uvicorn.access"):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(RedactedArguments())
