"""What the recorder says of itself: counts with each commit, rate and lag once a second."""

from __future__ import annotations

import time

from django.db import connection

COUNTS = ("messages_recorded", "duplicates", "foreign_messages", "malformed")
RATE_OVER_S = 10.0
UNCHANGED_S = 5.0
"""Seconds for which a report that would say the same is left out: each is a commit on the disk."""


def count(recorded: int, duplicates: int, foreign: int, malformed: int) -> None:
    """Add to the counts, in the transaction that stores what they count."""
    values = (recorded, duplicates, foreign, malformed)
    names = ", ".join(COUNTS)
    sums = ", ".join(f"{name} = s.{name} + EXCLUDED.{name}" for name in COUNTS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO swf_recorder_status AS s (id, {names}, rate, lag_s, waiting, updated_at)
            VALUES (1, %s, %s, %s, %s, 0, 0, 0, now())
            ON CONFLICT (id) DO UPDATE SET {sums}, updated_at = now()
            """,
            values,
        )


class Pace:
    """How many messages a second are stored, and how long after they were sent."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._stored = 0
        self._written: tuple[float, float, int] | None = None
        self._written_at = 0.0
        self.rate = 0.0
        self.lag_s = 0.0

    def add(self, messages: int, lag_s: float) -> None:
        """Note a stored batch.

        :param lag_s: seconds from sending its last message to its commit
        """
        self._stored += messages
        self.lag_s = max(0.0, lag_s)

    def store(self, waiting: int) -> bool:
        """Write rate and lag, unless that was written lately; whether it was written now.

        :param waiting: messages taken from the broker that are not stored yet
        :raises django.db.Error: it could not be written; the next call tries it again
        """
        elapsed = time.monotonic() - self._since
        if elapsed > 0:
            share = min(1.0, elapsed / RATE_OVER_S)
            self.rate += share * (self._stored / elapsed - self.rate)
        self._since, self._stored = time.monotonic(), 0
        facts = round(self.rate, 1), round(self.lag_s, 3), waiting
        if facts == self._written and self._since - self._written_at < UNCHANGED_S:
            return False
        self._written = None
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO swf_recorder_status AS s (id, messages_recorded, duplicates,
                    foreign_messages, malformed, rate, lag_s, waiting, updated_at)
                VALUES (1, 0, 0, 0, 0, %(rate)s, %(lag)s, %(waiting)s, now())
                ON CONFLICT (id) DO UPDATE SET rate = EXCLUDED.rate, lag_s = EXCLUDED.lag_s,
                    waiting = EXCLUDED.waiting, updated_at = now()
                """,
                {"rate": facts[0], "lag": facts[1], "waiting": facts[2]},
            )
        self._written, self._written_at = facts, self._since
        return True
