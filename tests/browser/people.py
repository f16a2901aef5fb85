"""The people of a testbed in the browser: one context a role."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from playwright.sync_api import Browser, BrowserContext, Page, expect

from swf_common.protocol.states import Role
from testbed.integration import TestbedStack

STRANGER = "stranger"
"""Somebody who has not signed in."""


@dataclass
class People:
    """Contexts by role, made when they are first asked for.

    They sign in with the link that `testbed open` prints.

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
        context = self._new_context()
        if who != STRANGER:
            page = context.new_page()
            follow_link(page, link_for(self.stack, Role(who)))
            page.close()
        return context

    def _new_context(self, **options: Any) -> BrowserContext:
        return self.browser.new_context(
            base_url=self.stack.monitor_url, **{**self.options, **options}
        )


def link_for(stack: TestbedStack, role: Role) -> str:
    """A link that signs a new user of that role in, once, as `testbed open` prints it."""
    name = f"{role}-{uuid4().hex[:6]}"
    done = stack.command("open", "--print", "--role", role, "--user", name)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def follow_link(page: Page, link: str) -> None:
    """Sign in with a link."""
    page.goto(link)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in with a password."""
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
