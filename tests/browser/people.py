"""The people of a testbed in the browser: one context a role, signed in with a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from playwright.sync_api import Browser, BrowserContext, Page, expect

from testbed.integration import TestbedStack
from testbed.protocol.states import Role

STRANGER = "stranger"
"""Somebody who has not signed in."""


@dataclass
class People:
    """Contexts by role, made when they are first asked for.

    Users are made as an administrator makes them: on the admin's pages.

    :param options: Playwright's, for every context
    """

    browser: Browser
    stack: TestbedStack
    options: dict[str, Any] = field(default_factory=dict)
    _contexts: dict[str, BrowserContext] = field(default_factory=dict)

    def context(self, who: str) -> BrowserContext:
        """The context of a role, or of the stranger."""
        if who not in self._contexts:
            self._contexts[who] = self._make(who)
        return self._contexts[who]

    def another_context(self, who: str, **options: Any) -> BrowserContext:
        """A second window of the same person; who opens it closes it."""
        known = self.context(who).storage_state()
        return self._new_context(storage_state=known, **options)

    def close(self) -> None:
        """Close all contexts."""
        for context in self._contexts.values():
            context.close()

    def _make(self, who: str) -> BrowserContext:
        if who == STRANGER:
            return self._new_context()
        if who == Role.ADMINISTRATOR:
            name, password = "admin", self.stack.session.project.secret("admin_password")
        else:
            name, password = f"{who}-{uuid4().hex[:6]}", uuid4().hex
            self._add_user(name, password, Role(who))
        context = self._new_context()
        page = context.new_page()
        sign_in(page, name, password)
        page.close()
        return context

    def _new_context(self, **options: Any) -> BrowserContext:
        return self.browser.new_context(
            base_url=self.stack.monitor_url, **{**self.options, **options}
        )

    def _add_user(self, name: str, password: str, role: Role) -> None:
        page = self.context(Role.ADMINISTRATOR).new_page()
        page.goto("/admin/auth/user/add/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password:", exact=True).fill(password)
        page.get_by_label("Password confirmation").fill(password)
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator("#id_groups_from").select_option(label=role)
        page.locator("#id_groups_add").click()
        expect(page.locator("#id_groups_to")).to_contain_text(role)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".success")).to_contain_text(name)
        page.close()


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in with the form; fails when the form comes again."""
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
