"""What `--since` understands."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.commands.moments import ACCEPTED, parse_moment

NOW = datetime.fromisoformat("2026-11-28T10:00:00+01:00")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", "2026-11-28T09:58:30+01:00"),
        ("10m", "2026-11-28T09:50:00+01:00"),
        ("1h30m", "2026-11-28T08:30:00+01:00"),
        ("1h 30m", "2026-11-28T08:30:00+01:00"),
        ("0.5h", "2026-11-28T09:30:00+01:00"),
        ("10 min", "2026-11-28T09:50:00+01:00"),
        ("10 minutes ago", "2026-11-28T09:50:00+01:00"),
        ("an hour ago", "2026-11-28T09:00:00+01:00"),
        ("2 days, 1 hour", "2026-11-26T09:00:00+01:00"),
        ("3d", "2026-11-25T10:00:00+01:00"),
        ("1 week", "2026-11-21T10:00:00+01:00"),
        ("now", "2026-11-28T10:00:00+01:00"),
        ("today", "2026-11-28T00:00:00+01:00"),
        ("Yesterday", "2026-11-27T00:00:00+01:00"),
        ("9:30", "2026-11-28T09:30:00+01:00"),
        ("09:30:15", "2026-11-28T09:30:15+01:00"),
        ("23:30", "2026-11-27T23:30:00+01:00"),
        ("2026-11-01", "2026-11-01T00:00:00+01:00"),
        ("2026-11-01 12:15", "2026-11-01T12:15:00+01:00"),
        ("2026-11-01T12:15:00Z", "2026-11-01T12:15:00+00:00"),
        ("2026-11-01t12:15:00-05:00", "2026-11-01T12:15:00-05:00"),
        ("1795856400", "2026-11-28T10:00:00+01:00"),
    ],
)
def test_a_time_is_understood(text: str, moment: str) -> None:
    assert parse_moment(text, NOW) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "soon", "10", "10x", "10m?", "m", "25:00", "2026-13-01", "10 m foo"]
)
def test_anything_else_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(ValueError, match="yesterday") as caught:
        parse_moment(text, NOW)
    assert f"'{text}'" in str(caught.value)
    assert ACCEPTED in str(caught.value)


@given(st.text(max_size=20) | st.from_regex(r"\d{1,40}[smhdw]", fullmatch=True))
def test_no_text_ends_in_another_error(text: str) -> None:
    with suppress(ValueError):
        assert parse_moment(text, NOW).tzinfo is not None
