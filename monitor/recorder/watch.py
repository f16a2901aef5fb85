"""A thread of the recorder that looks now and then: recording never waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

from monitor.control.commands import NoAnswer

log = logging.getLogger(__name__)

LOOK_S = 2.0


class Watch:
    """Calls each look when its time has come; one that fails is tried again.

    :param looks: what to call, and the seconds between two calls
    """

    def __init__(self, *looks: tuple[Callable[[], object], float]) -> None:
        self._looks = looks
        self._next = [0.0] * len(looks)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; waits for the look in hand."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_S):
            for number, (look, every_s) in enumerate(self._looks):
                if time.monotonic() >= self._next[number]:
                    self._next[number] = time.monotonic() + every_s
                    self._call(look)
        connection.close()

    def _call(self, look: Callable[[], object]) -> None:
        try:
            look()
        except (OperationalError, InterfaceError) as error:
            log.debug("the database is away: %s", error)  # the recording thread says so
            connection.close()
        except NoAnswer as error:
            log.debug("the broker is away: %s", error)
        except Exception:  # one odd row must not end the thread
            log.exception("a look failed")
