"""Tokens for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from testbed.output import console

HEADER = ("id", "key", "role", "name", "made", "last used", "valid until")


def table(tokens: Sequence[dict[str, Any]]) -> str:
    """Tokens as lines of text."""
    rows = [
        (
            str(token["id"]),
            f"{token['hint']}…",
            token["role"],
            token["name"],
            token["created_at"][:16],
            (token["last_used_at"] or "never")[:16],
            (token["expires_at"] or "no end")[:16],
        )
        for token in tokens
    ]
    return console.table(HEADER, rows)
