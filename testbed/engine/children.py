"""Ends the commands that this one has started when it is interrupted."""

from __future__ import annotations

import inspect
import signal
import subprocess
import traceback
from collections.abc import Iterator
from contextlib import suppress
from types import GeneratorType
from typing import Any

END_TIMEOUT_S = 15.0
"""Seconds for which an interrupted child is waited for."""


def interruptible(stream: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
    """The lines of a docker command that python-on-whales streams.

    An interrupt is passed on to the command, and this process waits for its end. At a terminal
    Ctrl+C reaches the command anyway, but a SIGTERM reaches this process alone: the command would
    go on changing a testbed while another command already holds the lock.
    """
    try:
        for _, line in stream:
            yield line
    except (KeyboardInterrupt, GeneratorExit) as error:
        child = _child_of(stream, error)
        if child is not None:
            _interrupt(child)
        raise


def _child_of(stream: Iterator[Any], error: BaseException) -> subprocess.Popen[bytes] | None:
    """The library's process. The library does not hand it out, so it is taken from the generator's
    frame, or from the frames of the traceback when the interrupt came inside, even while the
    process object was being made.
    """
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    if isinstance(stream, GeneratorType):
        frames.append(inspect.getgeneratorlocals(stream))
    for names in frames:
        for value in names.values():
            if isinstance(value, subprocess.Popen) and value.pid:
                return value
    return None


def _interrupt(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(END_TIMEOUT_S)
