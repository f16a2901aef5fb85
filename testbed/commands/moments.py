"""What a user means by a time: an age, a day, a time of day, a date. Pure."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

ACCEPTED = (
    "an age (90s, 10m, 1h30m, 2 days, an hour ago), today, yesterday, a time of day (14:30), "
    "a date, a date with a time (2026-11-28, 2026-11-28T14:30, with Z or +01:00 another time "
    "zone), or seconds since 1970"
)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
"""Seconds of each unit, by its first letter."""
AGE = re.compile(
    r"(?P<number>\d+(?:\.\d+)?|an?)\s*"
    r"(?P<unit>s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:eeks?)?)"
    r"(?![a-z_])"
)
LONGEST = timedelta(days=36525)


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment that a text means; without a time zone it is one of `now`'s.

    >>> now = datetime.fromisoformat("2026-11-28T10:00:00+01:00")
    >>> for text in ("90m", "yesterday", "23:30", "2026-11-01", "2026-11-28T08:00Z"):
    ...     print(parse_moment(text, now).isoformat())
    2026-11-28T08:30:00+01:00
    2026-11-27T00:00:00+01:00
    2026-11-27T23:30:00+01:00
    2026-11-01T00:00:00+01:00
    2026-11-28T08:00:00+00:00

    :param now: with its time zone
    :raises ValueError: it means none; the error's text says what is accepted
    """
    wanted = " ".join(text.lower().split())
    midnight = datetime.combine(now.date(), time(), now.tzinfo)
    if wanted == "now":
        return now
    if wanted == "today":
        return midnight
    if wanted == "yesterday":
        return midnight - timedelta(days=1)
    age = _age(wanted.removesuffix(" ago"))
    if age is not None:
        return now - age
    try:
        return _written_out(wanted, now)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"'{text}' is not a valid time; accepted: {ACCEPTED}") from None


def _age(text: str) -> timedelta | None:
    total, end = 0.0, 0
    for match in AGE.finditer(text):
        if text[end : match.start()].strip(" ,"):
            return None
        number = 1.0 if match["number"].startswith("a") else float(match["number"])
        total += number * UNITS[match["unit"][0]]
        end = match.end()
    if not end or text[end:].strip():
        return None
    return min(timedelta(seconds=min(total, LONGEST.total_seconds())), LONGEST)


def _written_out(text: str, now: datetime) -> datetime:
    """A time of day, a date, or seconds since 1970."""
    if re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", text):
        at = datetime.combine(now.date(), time.fromisoformat(text.zfill(len("00:00"))), now.tzinfo)
        return at if at <= now else at - timedelta(days=1)
    if re.fullmatch(r"\d{9,}(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), now.tzinfo)
    moment = datetime.fromisoformat(text.upper())
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
