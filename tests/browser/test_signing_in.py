"""Signing in and out."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from testbed.integration import TestbedStack
from tests.browser.people import People, sign_in


def test_a_stranger_signs_in_and_out(stack: TestbedStack, people: People, stranger: Page) -> None:
    stranger.goto("/account/")
    expect(stranger).to_have_url(re.compile(r"/accounts/login/\?next=/account/$"))
    sign_in(stranger, "admin", stack.session.project.secret("admin_password"))
    stranger.get_by_role("button", name="Sign out").click()
    expect(stranger).to_have_url(re.compile("/accounts/login/"))


def test_the_account_page_names_the_role(operator: Page) -> None:
    operator.goto("/account/")
    expect(operator.get_by_role("main")).to_contain_text("operator")
