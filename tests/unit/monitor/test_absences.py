"""When the queue of an absent program expires: only watched time without a consumer counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monitor.recorder.absences import LONGEST_STEP, Absence, updated_absences
from tests.unit.samples import moment

NAME = "Consumer.torre1-orphan.epictopic"


def queue(consumers: int = 0, name: str = NAME, program: str = "orphan") -> dict[str, Any]:
    return {"queue": name, "program": program, "consumers": consumers}


def test_the_first_look_at_a_queue_without_a_consumer_starts_its_absence() -> None:
    assert updated_absences({}, [queue()], moment(7)) == {NAME: Absence(0.0, moment(7))}


def test_each_look_adds_the_time_since_the_last_one() -> None:
    absence = updated_absences({NAME: Absence(100.0, moment(0))}, [queue()], moment(30))
    assert absence == {NAME: Absence(130.0, moment(30))}


def test_a_consumer_that_stays_ends_an_absence() -> None:
    before = {NAME: Absence(1e9, moment(0))}
    assert updated_absences(before, [queue(consumers=1)], moment(30), {NAME}) == {}


def test_who_only_looks_at_a_queue_does_not_end_its_absence() -> None:
    absence = updated_absences({NAME: Absence(100.0, moment(0))}, [queue(consumers=1)], moment(30))
    assert absence == {NAME: Absence(100.0, moment(30))}, "nor does that time count"


def test_a_queue_that_always_had_a_consumer_has_no_absence() -> None:
    assert updated_absences({}, [queue(consumers=1)], moment(0)) == {}


def test_a_queue_that_is_gone_is_forgotten() -> None:
    assert updated_absences({NAME: Absence(1.0, moment(0))}, [], moment(1)) == {}


def test_a_night_in_which_nobody_looked_does_not_count() -> None:
    night = 8 * 3600
    absence = updated_absences({NAME: Absence(100.0, moment(0))}, [queue()], moment(night))
    assert absence[NAME] == Absence(100.0 + LONGEST_STEP.total_seconds(), moment(night))


def test_a_clock_that_is_set_back_takes_nothing_away() -> None:
    absence = updated_absences({NAME: Absence(100.0, moment(50))}, [queue()], moment(0))
    assert absence[NAME] == Absence(100.0, moment(0))


def test_the_recorders_queue_never_expires() -> None:
    own = queue(name="Consumer.torre1-recorder.epictopic", program="recorder")
    assert updated_absences({}, [own], moment(0)) == {}


@given(st.lists(st.integers(-(10**6), 10**6), max_size=20))
def test_no_series_of_looks_counts_more_than_its_steps_allow(times: list[int]) -> None:
    absence: dict[str, Absence] = {}
    for seconds in times:
        absence = updated_absences(absence, [queue()], moment(0) + timedelta(seconds=seconds))
    absent = absence[NAME].absent_s if absence else 0.0
    assert 0 <= absent <= max(0, len(times) - 1) * LONGEST_STEP.total_seconds()
