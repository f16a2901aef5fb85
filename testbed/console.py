"""What the command prints: results on stdout, everything else on stderr.

Live displays only on a terminal and not in CI; elsewhere plain lines, each printed once.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

PLAIN_WIDTH = 100


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


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their content needs; the last one is cut at the terminal's width."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    room = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if sys.stdout.isatty() else 10_000
    text = []
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)]
        text.append("  ".join([*cells, line[-1]]).rstrip()[:room])
    return "\n".join(text)


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
        shown = [line[: width - 1] for line in lines]
        if shown == self._drawn:
            return
        up = f"\x1b[{len(self._drawn)}A" if self._drawn else ""
        surplus = max(0, len(self._drawn) - len(shown))
        body = "".join(f"\x1b[2K{line}\n" for line in shown)
        clear = "\x1b[2K\n" * surplus + (f"\x1b[{surplus}A" if surplus else "")
        sys.stderr.write(f"{up}{body}{clear}")
        sys.stderr.flush()
        self._drawn = shown
