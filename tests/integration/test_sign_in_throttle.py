"""Guessing a password is slow; mistyping one harms nobody else behind the same address."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from tests.integration.test_sign_in_link import browser, link_of, press
from tests.web import Browser

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

LIMIT = 10


def test_wrong_passwords_end_in_a_429_that_says_when_to_come_back(stack: TestbedStack) -> None:
    page = "/accounts/login/"
    name, guesser = f"guessed-{uuid4().hex[:8]}", Browser(stack.monitor_url)
    answers = [guesser.post(page, page, username=name, password=f"wrong {n}") for n in range(LIMIT)]
    assert [answer.status_code for answer in answers] == [200] * (LIMIT - 1) + [429]
    again = guesser.post(page, page, username=name, password="wrong again")
    assert again.status_code == 429
    assert int(again.headers["Retry-After"]) == 300
    assert "wrong passwords for this account" in again.text
    assert "testbed open" in again.text


def test_others_behind_the_same_address_sign_in_meanwhile(stack: TestbedStack) -> None:
    guesser, admin = Browser(stack.monitor_url), Browser(stack.monitor_url)
    for _ in range(LIMIT):
        guesser.sign_in(f"mistyped-{uuid4().hex[:4]}", "wrong")
        last = guesser.sign_in("mistyped", "wrong")
    assert last.status_code == 429
    answer = admin.sign_in("admin", stack.session.project.secret("admin_password"))
    assert answer.status_code == 200
    assert "Sign out" in answer.text


def test_a_right_password_ends_the_count_and_a_link_signs_in_whoever_is_locked_out(
    stack: TestbedStack,
) -> None:
    password = stack.session.project.secret("admin_password")
    for _ in range(2):
        admin = Browser(stack.monitor_url)
        for _ in range(LIMIT - 1):
            assert admin.sign_in("admin", "wrong").status_code == 200
        assert "Sign out" in admin.sign_in("admin", password).text
    person = f"locked-{uuid4().hex[:8]}"
    link = link_of(stack, "--user", person, "--role", "viewer")
    guesser = Browser(stack.monitor_url)
    for _ in range(LIMIT):
        answer = guesser.sign_in(person, "wrong")
    assert answer.status_code == 429
    assert press(browser(), link).status_code == 302
