"""STF data taking: the DAQ state machine of one run, from no beam to no beam.

States and simulated times are the predecessor's: no_beam/not_ready,
beam/not_ready, beam/ready, run/physics, [run/standby, run/physics]*, beam/not_ready, no_beam.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import count

import simpy

from workflows.api import Daq

BROADCAST_S = 0.1
"""Simulated seconds that a broadcast takes."""

Steps = Generator[simpy.Event, None, None]


def workflow(env: simpy.Environment, daq: Daq) -> Steps:
    """One run: announce, take data in `physics_period_count` periods, close."""
    settings = daq.parameters
    announce = BROADCAST_S + settings["broadcast_delay"]

    yield env.timeout(settings["no_beam_not_ready_delay"])
    daq.run_imminent()
    yield env.timeout(announce + settings["beam_not_ready_delay"])
    yield env.timeout(settings["beam_ready_delay"])
    daq.start_run()
    yield env.timeout(announce)

    periods = int(settings["physics_period_count"])
    for period in count(1):
        yield from physics_period(env, daq)
        if period == periods:
            break
        daq.pause_run("Brief standby period")
        yield env.timeout(announce + settings["standby_duration"])
        daq.resume_run("Standby is over")
        yield env.timeout(announce)

    daq.end_run()
    yield env.timeout(announce + settings["beam_not_ready_end_delay"])


def physics_period(env: simpy.Environment, daq: Daq) -> Steps:
    """STFs of one period: `stf_count` of them, or as many as `physics_period_duration` allows."""
    settings = daq.parameters
    wanted = int(settings["stf_count"])
    began = env.now
    for made in count(1):
        daq.generate_stf()
        yield env.timeout(BROADCAST_S + settings["stf_generation_time"])
        if made == wanted:
            return
        yield env.timeout(settings["stf_interval"])
        if not wanted and env.now - began >= settings["physics_period_duration"]:
            return
