"""How often the monitor is asked how far a run is."""

from __future__ import annotations

POLL_S, LONGEST_POLL_S = 0.25, 5.0
"""Shortest and longest pause between two questions how far a run is."""
DUTY = 0.05
"""Part of the time that the answers may take, and of a run by which its end may be seen later."""


def pause_s(took_s: float, elapsed_s: float) -> float:
    """Seconds until the next question how far a run is, so that it does not slow the run down.

    :param took_s: seconds that the last answer took
    :param elapsed_s: seconds since the run began: the end of a short run is seen at once
    """
    wanted = took_s * (1 / DUTY - 1)
    return max(POLL_S, min(wanted, DUTY * elapsed_s, LONGEST_POLL_S))
