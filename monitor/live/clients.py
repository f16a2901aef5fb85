"""The clients of the stream: what each wants, and what waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from uuid import uuid4

from monitor.live.events import Event, Position, Wanted

CAPACITY = 5_000
CAPACITY_CHARACTERS = 2**24
"""Events that may wait for one client, and the length of their data; who is further behind is
dropped."""
CHUNK_CHARACTERS = 2**20
"""Length of what is sent at once."""


class Client:
    """One reader of the stream, and what waits for it."""

    def __init__(self, wanted: Wanted) -> None:
        self.id = str(uuid4())
        self.wanted = wanted
        self.position = Position()
        self.overflowed = False
        self.cut_off = False
        self.task = asyncio.current_task() if _in_a_loop() else None
        self._waiting: deque[Event] = deque()
        self._waiting_characters = 0
        self._arrived = asyncio.Event()

    def put(self, wanted: Sequence[Event]) -> None:
        """Queue events that the client wants; too many, and it is dropped."""
        if not wanted or self.overflowed:
            return
        self._waiting.extend(wanted)
        self._waiting_characters += sum(len(event.data) for event in wanted)
        if len(self._waiting) > CAPACITY or self._waiting_characters > CAPACITY_CHARACTERS:
            self.overflowed = True
            self._waiting.clear()
        self._arrived.set()

    async def take(self, timeout: float) -> list[str]:
        """What waits, as frames, up to a chunk; nothing when nothing came in `timeout` seconds."""
        if not self._waiting and not self.overflowed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._arrived.wait()
        events: list[Event] = []
        characters = 0
        while self._waiting and characters < CHUNK_CHARACTERS:
            events.append(self._waiting.popleft())
            characters += len(events[-1].data)
        self._waiting_characters -= characters
        if not self._waiting:
            self._arrived.clear()
        return self.frames(events)

    def frames(self, events: Sequence[Event]) -> list[str]:
        """Events as frames, each with the position that the client has reached with it."""
        frames = []
        reached = self.position._asdict()
        for event in events:
            reached[event.kind] = event.id
            frames.append(event.frame(reached.values()))
        self.position = Position(**reached)
        return frames


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
