"""Signing in and out."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from swf_common.protocol.states import Role
from testbed.integration import TestbedStack
from tests.browser.people import follow_link, link_for, sign_in

SIGNED_OUT = "status of 401|Status Error Code 401"
"""What a live page is told that asks once more while one signs out."""


def test_a_stranger_signs_in_with_a_password_and_out(
    stack: TestbedStack, stranger: Page, allowed: list[str]
) -> None:
    allowed.append(SIGNED_OUT)
    stranger.goto("/account/")
    expect(stranger).to_have_url(re.compile(r"/accounts/login/\?next=/account/$"))
    sign_in(stranger, "admin", stack.session.project.secret("admin_password"))
    stranger.get_by_role("button", name="Sign out").click()
    expect(stranger).to_have_url(re.compile("/accounts/login/"))


def test_the_account_page_names_the_role(operator: Page) -> None:
    operator.goto("/account/")
    expect(operator.get_by_role("main")).to_contain_text("operator")


def test_the_link_of_testbed_open_signs_in_once(
    stack: TestbedStack, stranger: Page, allowed: list[str]
) -> None:
    link = link_for(stack, Role.VIEWER)
    follow_link(stranger, link)
    stranger.get_by_role("button", name="Sign out").click()
    allowed += [SIGNED_OUT, "status of 4"]
    stranger.goto(link)
    expect(stranger.get_by_role("main").get_by_role("button", name="Sign in")).to_have_count(0)
    expect(stranger.get_by_role("button", name="Sign out")).to_have_count(0)
