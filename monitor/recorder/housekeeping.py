"""What the recorder does beside recording, on a thread of its own.

It asks the broker and the monitor, and either may take seconds to say nothing: recording went on
at 480 messages a second while the monitor was paused, when one thread did both.
"""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from django.db import InterfaceError, OperationalError, close_old_connections, connection

log = logging.getLogger(__name__)

EVERY_S = 1.0
STOP_S = 5.0


class Looker(Protocol):
    """Looks for something at the broker."""

    def look(self) -> None: ...


class Step(Protocol):
    """Does something in the database that is due."""

    def run(self) -> None: ...


class Suspendable(Step, Protocol):
    """A step that judges by silence."""

    def suspend(self) -> None: ...


class Housekeeping:
    """Looks for dead-letter queues, sweeps, and removes what is too old, once a second."""

    def __init__(self, dead_letters: Looker, sweep: Suspendable, retention: Step) -> None:
        self._dead_letters = dead_letters
        self._sweep = sweep
        self._retention = retention
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="housekeeping", daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the step in hand, or leave it behind if that takes too long."""
        self._stopping.set()
        self._thread.join(STOP_S)

    def _work(self) -> None:
        while not self._stopping.wait(EVERY_S):
            for step in (self._dead_letters.look, self._sweep.run, self._retention.run):
                try:
                    step()
                except (OperationalError, InterfaceError) as error:
                    # the recording thread says so aloud
                    log.debug("the database is away: %s", error)
                    self._sweep.suspend()
                    connection.close()
                    close_old_connections()
                    break
                except Exception:  # one odd row must not end all the rest
                    log.exception("a step of the housekeeping failed")
