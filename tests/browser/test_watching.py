"""The eyes of this layer see: what they never complain of is worth nothing otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from testbed.integration import TestbedStack
from tests.browser.axe import check_accessible
from tests.browser.people import STRANGER, People
from tests.browser.watch import Watch
from tests.waiting import eventually


@pytest.fixture
def page(people: People) -> Iterator[Page]:
    """A page that no fixture watches, and on which scripts may do what the monitor forbids."""
    context = people.another_context(STRANGER, bypass_csp=True)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        ("console.error('no good')", "console: no good"),
        ("setTimeout(() => { throw new Error('thrown'); })", "script: thrown"),
        ("fetch('http://outside.invalid/x').catch(() => 0)", "outside request: http://outside"),
        ("fetch('/broken/')", "answer 500: GET"),
    ],
)
def test_a_watch_sees(stack: TestbedStack, page: Page, script: str, seen: str) -> None:
    watch = Watch(page, stack.monitor_url)
    page.route("**/broken/", lambda route: route.fulfill(status=500))
    page.goto("/accounts/login/")
    page.evaluate(f"() => {{ {script}; }}")

    def look() -> bool:
        page.title()  # Playwright tells of events while it is asked for something
        return any(problem.startswith(seen) for problem in watch.problems([]))

    eventually(look, seen, 5)
    assert watch.problems([".*"]) == []


def test_axe_names_rule_node_and_help(page: Page) -> None:
    page.goto("/accounts/login/")
    check_accessible(page)
    page.evaluate("() => document.querySelector('label[for=id_username]').remove()")
    with pytest.raises(AssertionError, match=r"label \(critical\): .+\n +#id_username: <input"):
        check_accessible(page)
