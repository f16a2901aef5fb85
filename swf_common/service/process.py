"""A long-running program: its log on stdout, and its life until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Protocol

from swf_common.service.settings import SettingsError

ENDED = signal.SIGUSR1
"""The signal by which the program's thread wakes the waiting one when it ends."""


class Program(Protocol):
    """What runs until it is asked to stop."""

    def run(self) -> object: ...

    def stop(self) -> None:
        """Ask `run` to return; called from another thread."""


def prepare() -> None:
    """Log to stdout, and keep signals for `run_until_signal`. Call it before any thread starts."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("stomp.py").setLevel(logging.ERROR)  # its frames would show the password
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})


def main(
    make: Callable[[], Program], fatal: Mapping[type[Exception], int] = MappingProxyType({})
) -> int:
    """The life of a program; the process's exit status: 2 for wrong settings, 1 for an error.

    :param make: the program, from the environment
    :param fatal: errors after which a thread may hang: the process ends at once, with a status
    """
    prepare()
    try:
        run_until_signal(make())
    except SettingsError as error:
        logging.error("%s", error)
        return 2
    except tuple(fatal) as error:
        logging.critical("the program ends itself: %s", error)
        sys.stdout.flush()
        os._exit(fatal[type(error)])
    except Exception:
        logging.exception("the program ended with an error")
        return 1
    return 0


def run_until_signal(program: Program) -> None:
    """Run the program in a thread of its own; each SIGTERM and SIGINT asks it to stop.

    :raises Exception: whatever its `run` raises
    """
    waiting = threading.get_ident()
    signal.pthread_sigmask(signal.SIG_BLOCK, {ENDED})
    with ThreadPoolExecutor(1, thread_name_prefix=type(program).__name__) as pool:
        life = pool.submit(program.run)
        life.add_done_callback(lambda _: signal.pthread_kill(waiting, ENDED))
        while not life.done():
            if signal.sigwait({signal.SIGTERM, signal.SIGINT, ENDED}) != ENDED:
                program.stop()
    life.result()
