"""Waiting for a condition with a limit: tests never sleep for a guess."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def eventually(
    look: Callable[[], Value], what: str, within: float = 30.0, *, every: float = 0.05
) -> Value:
    """The first true value of `look`; fails with what it was waited for after `within` seconds.

    :param every: seconds between two looks; more where a look disturbs what it looks at
    """
    end = time.monotonic() + within
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within:.0f} s; last seen: {value!r}")
        time.sleep(every)


def holds(look: Callable[[], object], seconds: float) -> bool:
    """Whether something stays true for so many seconds."""
    end = time.monotonic() + seconds
    while look():
        if time.monotonic() > end:
            return True
        time.sleep(0.2)
    return False


async def eventually_async(look: Callable[[], object], what: str, within: float = 10.0) -> None:
    """Give way to the other tasks of the loop until something is true."""
    end = time.monotonic() + within
    while not look():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within:.0f} s")
        await asyncio.sleep(0.001)
