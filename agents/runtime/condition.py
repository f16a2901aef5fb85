"""Where an agent is in its life: STARTING -> READY <-> PROCESSING -> EXITED."""

from __future__ import annotations

import threading
from collections.abc import Callable

from testbed.protocol.states import OperationalState


class Condition:
    """The agent's state and how many messages it has in hand.

    :param changed: called after each change of the state
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._state = OperationalState.STARTING
        self._in_hand = 0

    @property
    def state(self) -> OperationalState:
        return self._state

    @property
    def in_hand(self) -> int:
        """Messages and other work that is not finished."""
        return self._in_hand

    def become(self, state: OperationalState) -> None:
        """Enter a state."""
        with self._lock:
            if self._state == state:
                return
            self._state = state
        self._changed()

    def take(self, count: int) -> None:
        """So much work begins: PROCESSING."""
        with self._lock:
            self._in_hand += count
        self.become(OperationalState.PROCESSING)

    def finish(self, count: int) -> None:
        """So much work is done; the agent stays PROCESSING until `settle`."""
        with self._lock:
            self._in_hand -= count

    def settle(self) -> None:
        """READY again, if nothing is in hand."""
        if self._in_hand == 0:
            self.become(OperationalState.READY)
