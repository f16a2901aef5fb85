"""Advancing a simulation in real time or as fast as possible, stoppable at any moment."""

from __future__ import annotations

import threading
import time
from typing import cast

import simpy

from swf_common.protocol.states import EndReason


def advance(
    env: simpy.Environment,
    process: simpy.Process,
    *,
    realtime: bool,
    duration: float,
    stopping: threading.Event,
) -> EndReason:
    """Step the simulation until its process ends, and say why it ended.

    :param realtime: one simulated second takes one second; False: no waiting
    :param duration: simulated seconds after which to end; 0 = no limit
    :param stopping: when set, the simulation ends at once
    :raises Exception: whatever the process raises
    """
    started = time.monotonic()
    while not process.triggered:
        due = env.peek()
        ends = bool(duration) and due >= duration
        if realtime:
            delay = started + (duration if ends else due) - time.monotonic()
            stopping.wait(max(0.0, delay))
        if stopping.is_set():
            return EndReason.STOPPED
        if ends:
            return EndReason.DURATION
        env.step()
    if not process.ok:
        raise cast(BaseException, process.value)
    return EndReason.COMPLETED
