"""Keys of one-time sign-in links, as far as they need no database."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import User

from monitor.access.people import BadName, check_name
from monitor.access.sign_in_links import VALID, DeadLink, make_key, read_key


def test_a_key_is_valid_for_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(User(pk=7))
    later = time.time() + VALID.total_seconds() + 1
    monkeypatch.setattr("time.time", lambda: later)
    with pytest.raises(DeadLink, match="valid for 5 minutes"):
        read_key(key)


CUT_OFF = pytest.param(make_key(User(pk=7))[:-1], id="cut-off")


@pytest.mark.parametrize("key", ["", "x", "a:b:c", "\u00fc", CUT_OFF])
def test_a_key_that_was_made_up_or_cut_off_is_none(key: str) -> None:
    with pytest.raises(DeadLink, match="none of this testbed"):
        read_key(key)


@pytest.mark.parametrize("name", ["", "a b", "-" * 101, "x;y", "\u00fc"])
def test_a_text_that_is_no_user_name_is_refused(name: str) -> None:
    with pytest.raises(BadName, match="no user name"):
        check_name(name)


def test_nobody_takes_the_name_of_a_service_account() -> None:
    with pytest.raises(BadName, match="account of the testbed itself"):
        check_name("service-operator")
    check_name("service-of-mine")
