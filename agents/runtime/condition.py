"""Where an agent is in its life: STARTING -> READY <-> PROCESSING -> EXITED."""

from __future__ import annotations

import threading
from collections.abc import Callable

from swf_common.protocol.states import OperationalState


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
            entered = self._enter(state)
        if entered:
            self._changed()

    def take(self, count: int) -> None:
        """So much work begins: PROCESSING."""
        with self._lock:
            self._in_hand += count
            entered = self._enter(OperationalState.PROCESSING)
        if entered:
            self._changed()

    def finish(self, count: int) -> None:
        """So much work is done; the agent stays PROCESSING until `settle`."""
        with self._lock:
            self._in_hand -= count

    def settle(self) -> None:
        """READY again, if nothing is in hand."""
        with self._lock:
            entered = self._in_hand == 0 and self._enter(OperationalState.READY)
        if entered:
            self._changed()

    def _enter(self, state: OperationalState) -> bool:
        """Whether the state is another one than before."""
        before, self._state = self._state, state
        return before != state
