"""How long handlers take: what each worker has in hand, and which handler does not return."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from agents.runtime.inbox import Arrival
from agents.runtime.subjects import subject_of
from swf_common.protocol.message import Message
from swf_common.service.monitor_client import Stopped

LIMITS_TO_THE_END = 3
"""After so many of its limits a handler is given up, and the agent with it: a thread cannot be
ended from outside."""
CHECKS_PER_LIMIT = 10
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 5.0
"""Seconds between two looks at the handlers."""
LATE_S = 5.0
"""A look that comes so much later than it should shows that this process was asleep."""


class HandlerOverdue(Exception):
    """A handler took so long that its agent has to end."""


@dataclass
class Work:
    """What a worker has in hand: one call of a handler.

    :ivar message: what the handler works on; of a batch, the message that it turned to last
    :ivar began: when it began with that
    :ivar excused: seconds of that time which count for nothing
    :ivar given_up: its messages are refused already; what becomes of it does not count any more
    """

    arrivals: Sequence[Arrival]
    message: Message
    began: float
    excused: float = 0.0
    given_up: bool = False

    def taken(self, now: float) -> float:
        """Seconds that count."""
        return now - self.began - self.excused

    def text(self, now: float) -> str:
        """What it is and how long it takes, for people."""
        more = f" (of {len(self.arrivals)} in hand)" if len(self.arrivals) > 1 else ""
        seconds = now - self.began
        since = f", for {seconds:.0f} s" if seconds >= 1 else ""
        message = self.message
        subject = subject_of(message) or message.execution_id or message.message_id
        return f"{message.msg_type} {subject}{more}{since}"


class Watch:
    """Knows the work of each worker thread; safe to ask from any thread.

    :param limit: seconds that a handler may take for a message
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._works: dict[int, Work] = {}
        self._checked_at = clock()

    @property
    def pause(self) -> float:
        """Seconds after which to check again."""
        return min(max(self.limit / CHECKS_PER_LIMIT, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)

    @contextmanager
    def over(self, arrivals: Sequence[Arrival]) -> Iterator[None]:
        """Inside, the calling thread handles these.

        :raises Stopped: on leaving, when the work has been given up meanwhile
        """
        thread = threading.get_ident()
        work = Work(arrivals, arrivals[0].message, self._clock())
        with self._lock:
            self._works[thread] = work
        try:
            yield
        finally:
            with self._lock:
                del self._works[thread]
            if work.given_up:  # its messages are refused: neither a result nor an error counts
                raise Stopped("the handler returned too late")

    def turn_to(self, message: Message) -> None:
        """Of a batch, the calling thread begins with this message: its time counts from here."""
        with self._lock:
            work = self._works.get(threading.get_ident())
            if work is not None:
                work.message, work.began, work.excused = message, self._clock(), 0.0

    def excuse(self, seconds: float) -> None:
        """The calling thread needs so much longer for what it has in hand, for a good reason."""
        with self._lock:
            work = self._works.get(threading.get_ident())
            if work is not None:
                work.excused += seconds

    def excuse_sleep(self) -> None:
        """Excuse all work for a time in which this process itself did not run: `docker pause` does
        not stop the clock. To be called at every check.
        """
        now = self._clock()
        slept = now - self._checked_at - self.pause
        if slept > LATE_S:
            with self._lock:
                for work in self._works.values():
                    work.excused += min(slept, now - work.began)
        self._checked_at = now

    def longest(self) -> str:
        """The work that has been in hand for longest; empty when there is none."""
        now = self._clock()
        with self._lock:
            works = list(self._works.values())
        return min(works, key=lambda work: work.began).text(now) if works else ""

    def overdue(self) -> str:
        """Which handlers are past their limit, and what will follow; empty when none is."""
        now = self._clock()
        with self._lock:
            late = [work.text(now) for work in self._works.values() if work.taken(now) > self.limit]
        if not late:
            return ""
        return (
            f"a handler does not return: {'; '.join(late)}. Its limit is {self.limit:g} s; after "
            f"{self.last_limit:g} s the agent ends itself and starts again"
        )

    @property
    def last_limit(self) -> float:
        """Seconds after which a handler is given up."""
        return LIMITS_TO_THE_END * self.limit

    def verdict(self, work: Work) -> str:
        """Why work is given up."""
        return f"the handler took longer than {self.last_limit:g} s: {work.text(self._clock())}"

    def give_up(self) -> list[Work]:
        """Work that is past the last limit; it is given up from here on."""
        now = self._clock()
        with self._lock:
            hung = [work for work in self._works.values() if work.taken(now) > self.last_limit]
            for work in hung:
                work.given_up = True
        return hung
