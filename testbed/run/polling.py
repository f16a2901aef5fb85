"""How often the progress of a run is looked at."""

from __future__ import annotations

POLL_S, LONGEST_POLL_S = 0.25, 5.0
"""Seconds between two looks at the progress of a run, at least and at most."""
DUTY = 0.05
"""Part of the time that looking at the progress should take at most. A pause is no longer than the
same part of the run so far, so that the end of a short run is seen soon."""


def pause_s(took_s: float, elapsed_s: float) -> float:
    """Seconds until the next look at the progress, so that looking does not slow the run down.

    :param took_s: seconds that the last answer took
    :param elapsed_s: seconds since the run began; the end of a short run is seen soon
    """
    wanted = took_s * (1 / DUTY - 1)
    return max(POLL_S, min(wanted, DUTY * elapsed_s, LONGEST_POLL_S))
