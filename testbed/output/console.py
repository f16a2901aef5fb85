"""What the command prints: results on stdout, everything else on stderr.

Live displays only on a terminal and not in CI; elsewhere plain lines, each printed once.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

PLAIN_WIDTH = 100
GAP = "  "
NARROWEST = 24
"""A last column that is narrower is not wrapped: rows become blocks."""


def is_live() -> bool:
    """Whether a display may be redrawn in place."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def result(text: str) -> None:
    """A result, on stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Something the user may want to know meanwhile, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    """Something that should not be overlooked, on stderr."""
    note(f"{coloured('warning:', '33')} {text}")


def coloured(text: str, code: str) -> str:
    """Text in an ANSI colour where stderr shows colours."""
    if is_live() and not os.environ.get("NO_COLOR"):
        return f"\x1b[{code}m{text}\x1b[0m"
    return text


def can_ask() -> bool:
    """Whether a person can answer a question: a terminal both ways, and no CI."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their content needs. Nothing is cut: see `fitted`."""
    room = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if sys.stdout.isatty() else 10_000
    return fitted(header, rows, room)


def fitted(header: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> str:
    """A table in `room` characters a line.

    Where its lines are longer the last column is wrapped; where even that leaves no room each row
    becomes a block of lines, one for each column. A word that is longer than the room stays whole,
    so that an address can be copied.
    """
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    before = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    if before + widths[-1] <= room:
        return "\n".join(_joined(line, widths) for line in lines)
    longest_word = max(len(word) for line in lines for word in (line[-1].split() or [""]))
    if before + max(longest_word, NARROWEST) <= room:
        text = [
            _joined([*(line[:-1] if first else [""] * (len(line) - 1)), part], widths)
            for line in lines
            for first, part in _parts(line[-1], room - before)
        ]
        return "\n".join(text)
    label = max(map(len, header))
    blocks = [
        "\n".join(
            f"{name if first else '':{label}}{GAP}{part}"
            for name, cell in zip(header, row, strict=True)
            for first, part in _parts(cell, room - label - len(GAP))
        )
        for row in rows
    ]
    return "\n\n".join(blocks)


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells[:-1], widths, strict=False)]
    return GAP.join([*padded, cells[-1]]).rstrip()


def _parts(text: str, room: int) -> list[tuple[bool, str]]:
    """A text in lines of `room` characters, and whether a line is the first."""
    parts = textwrap.wrap(text, max(1, room), break_long_words=False, break_on_hyphens=False)
    return [(number == 0, part) for number, part in enumerate(parts or [""])]


def _wrapped(line: str, room: int) -> list[str]:
    """A line of the board; what does not fit goes on below it, indented."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, max(len(indent) + 1, room), subsequent_indent=indent) or [""]


class Board:
    """A few lines that show where things stand: redrawn on a terminal, else what is new of them.

    Use as a context manager; the last state stays on the screen.
    """

    def __init__(self) -> None:
        self._live = is_live()
        self._drawn: list[str] = []
        self._printed: set[str] = set()

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self._drawn = []

    def show(self, lines: Sequence[str], stamp: str = "") -> None:
        """Show the lines of the moment.

        :param stamp: stands before each line, and does not make it a new one
        """
        if not self._live:
            for line in lines:
                if line not in self._printed:
                    self._printed.add(line)
                    note(f"{stamp}{line}")
            return
        lines = [f"{stamp}{line}" for line in lines]
        width = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
        shown = [part for line in lines for part in _wrapped(line, width - 1)]
        if shown == self._drawn:
            return
        up = f"\x1b[{len(self._drawn)}A" if self._drawn else ""
        surplus = max(0, len(self._drawn) - len(shown))
        body = "".join(f"\x1b[2K{line}\n" for line in shown)
        clear = "\x1b[2K\n" * surplus + (f"\x1b[{surplus}A" if surplus else "")
        sys.stderr.write(f"{up}{body}{clear}")
        sys.stderr.flush()
        self._drawn = shown
