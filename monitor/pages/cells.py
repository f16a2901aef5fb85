"""What stands in a table's cell or beside a fact's name: a value, how it is shown, where it leads.

The value itself is what a download holds; its kind says how a page shows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe

from monitor.pages.templatetags.moments import moment

Kind = Literal["text", "code", "time", "state", "number", "bytes", "duration", "long"]
LONGEST_SHOWN = 200
"""Characters of a long text that a table shows; its own page shows all."""

NONE = mark_safe('<span class="none" aria-label="none">\N{EN DASH}</span>')
TONES = {
    "ok": ("READY", "OK", "completed", "processed", "done", "physics", "running", "healthy"),
    "busy": ("PROCESSING", "processing", "queued", "registered", "pending", "STARTING", "starting"),
    "bad": ("ERROR", "CRITICAL", "failed", "dead", "unhealthy", "open"),
    "warn": ("WARNING", "terminated", "restarting", "paused", "UNKNOWN"),
}
TONE_OF = {state: tone for tone, states in TONES.items() for state in states}
"""How a state is coloured; the others stay neutral."""


@dataclass(frozen=True)
class Cell:
    """One value.

    :param href: the page it leads to
    """

    value: Any
    kind: Kind = "text"
    href: str | None = None

    @property
    def empty(self) -> bool:
        return self.value is None or self.value == ""

    @property
    def text(self) -> str:
        """The value as text; a table cuts it where `cut` says so."""
        if self.kind == "bytes":
            return in_bytes(self.value)
        if self.kind == "duration":
            return in_seconds(self.value)
        if self.kind == "number":
            return in_digits(self.value)
        if isinstance(self.value, dict | list):
            return json.dumps(self.value, default=str)
        return str(self.value)

    @property
    def cut(self) -> str:
        text = self.text
        return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"

    @property
    def tone(self) -> str:
        return TONE_OF.get(str(self.value), "plain")

    @property
    def markup(self) -> str:
        """The cell as HTML: a list has a thousand, and a template for each would cost more than
        all the rest of the page.
        """
        if self.empty:
            return NONE
        if self.kind == "time":
            shown = moment(self.value)
        elif self.kind == "state":
            return format_html('<span class="state {}">{}</span>', self.tone, self.text)
        elif self.kind == "code":
            shown = format_html("<code>{}</code>", self.text)
        elif self.kind == "long" and not self.href:
            return format_html("<span>{}</span>", self.cut)
        else:
            shown = conditional_escape(self.cut)
        return format_html('<a href="{}">{}</a>', self.href, shown) if self.href else shown


@dataclass(frozen=True)
class Column:
    """A column of a list.

    :param value: the attribute of a row, dots for one of a related row, or a function of the row
    :param link: the address that a row's cell leads to
    :param sort: the field that the column can be sorted by; it has an index, or its table is small
    """

    label: str
    value: str | Callable[[Any], Any]
    kind: Kind = "text"
    link: Callable[[Any], str | None] | None = None
    sort: str | None = None

    @property
    def name(self) -> str:
        """The column's name in downloads."""
        return self.label.lower().replace(" ", "_")

    def value_of(self, row: Any) -> Any:
        """A row's value; None when a related row is missing."""
        if callable(self.value):
            return self.value(row)
        found = row
        for part in self.value.split("."):
            found = found.get(part) if isinstance(found, dict) else getattr(found, part, None)
            if found is None:
                return None
        return found

    def cell(self, row: Any) -> Cell:
        """A row's cell."""
        return Cell(self.value_of(row), self.kind, self.link(row) if self.link else None)


def in_digits(number: Any) -> str:
    """A number with its thousands apart; anything else as it is."""
    if isinstance(number, int):
        return f"{number:,}"
    return f"{number:g}" if isinstance(number, float) else str(number)


def in_bytes(size: float) -> str:
    """A size in bytes, in the largest unit that keeps it above one."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def in_seconds(seconds: float) -> str:
    """A time span in the two units that matter."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min {rest} s"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def span(begin: datetime | None, end: datetime | None) -> float | None:
    """Seconds between two moments; None while one is missing."""
    return (end - begin).total_seconds() if begin and end else None
