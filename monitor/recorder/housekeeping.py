"""What the recorder does beside recording, on threads of their own.

It asks the broker and the monitor, and either may take seconds to say nothing: recording went on
at 480 messages a second while the monitor was paused, when one thread did both.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

from monitor.control.commands import NoAnswer

log = logging.getLogger(__name__)

INTERVAL_S = 2.0
STOP_TIMEOUT_S = 5.0

Chore = tuple[Callable[[], object], float]
"""What to call, and the least seconds between two calls."""


class Housekeeping:
    """Calls what is due, every `INTERVAL_S` seconds; what fails is called again at its next time.

    :param name: of the thread
    :param database_unavailable: called when the database does not answer a chore; the other chores
        wait for the next round then
    """

    def __init__(
        self, name: str, *chores: Chore, database_unavailable: Callable[[], None] = lambda: None
    ) -> None:
        self.name = name
        self._chores = chores
        self._due = [0.0] * len(chores)
        self._database_unavailable = database_unavailable
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the chore in hand, or leave it behind if that takes too long."""
        self._stopping.set()
        if self.alive:
            self._thread.join(STOP_TIMEOUT_S)

    def _work(self) -> None:
        while not self._stopping.wait(INTERVAL_S):
            for number, (chore, every_s) in enumerate(self._chores):
                if time.monotonic() < self._due[number]:
                    continue
                self._due[number] = time.monotonic() + every_s
                if not self._call(chore):
                    break
        connection.close()

    def _call(self, chore: Callable[[], object]) -> bool:
        """Call a chore; whether the database is there."""
        try:
            chore()
        except (OperationalError, InterfaceError) as error:
            log.debug("the database is away: %s", error)  # the recording thread says so aloud
            self._database_unavailable()
            connection.close()
            return False
        except NoAnswer as error:
            log.debug("the broker is away: %s", error)
        except Exception:  # one odd row must not end all the rest
            log.exception("%s: a chore failed", self.name)
        return True
