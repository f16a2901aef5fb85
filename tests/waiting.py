"""Waiting for a condition with a limit: tests never sleep for a guess."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def eventually(look: Callable[[], Value], what: str, within: float = 30.0) -> Value:
    """The first true value of `look`; fails with what it was waited for after `within` seconds."""
    end = time.monotonic() + within
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within:.0f} s; last seen: {value!r}")
        time.sleep(0.1)
