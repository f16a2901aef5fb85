"""What operators do from a page, each time with a question first; and why others cannot."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from testbed.integration import TestbedStack
from tests.browser.strange import STRANGE
from tests.rest import Api

RESTART_MS = 60_000
PROGRAM = "example-processing-agent"
REFUSED = "status of 403"


def container(page: Page, program: str) -> Locator:
    """The row of a program's container."""
    return page.locator(f"tr[data-program={program}]").first


def test_an_agent_is_restarted_from_the_page_of_containers(operator: Page) -> None:
    operator.goto("/containers/")
    row = container(operator, PROGRAM)
    expect(row).to_contain_text("READY")
    before = row.get_by_role("link", name=re.compile("-agent-.*-")).inner_text()
    operator.get_by_role("link", name=f"Restart {PROGRAM}").click()
    expect(operator.get_by_role("heading", level=1)).to_have_text(f"Restart {PROGRAM}?")
    operator.get_by_role("button", name="Restart").click()
    expect(operator).to_have_url(re.compile("/containers/$"), timeout=RESTART_MS)
    expect(operator.get_by_role("status").filter(has_text="restart is done")).to_be_visible()
    expect(row).not_to_contain_text(before, timeout=RESTART_MS)
    expect(row).to_contain_text("READY", timeout=RESTART_MS)


def test_an_agent_is_stopped_and_started_again(operator: Page) -> None:
    for verb, state in (("Stop", "EXITED"), ("Start", "READY")):
        operator.goto("/containers/")
        operator.get_by_role("link", name=f"{verb} {PROGRAM}").click()
        operator.get_by_role("button", name=verb).click()
        expect(operator).to_have_url(re.compile("/containers/$"), timeout=RESTART_MS)
        expect(container(operator, PROGRAM)).to_contain_text(state, timeout=RESTART_MS)


def test_nothing_happens_before_the_question_is_answered(operator: Page) -> None:
    operator.goto("/containers/")
    operator.get_by_role("link", name=f"Kill {PROGRAM}").click()
    operator.get_by_role("link", name="Leave it as it is").click()
    expect(operator).to_have_url(re.compile("/containers/$"))
    expect(container(operator, PROGRAM)).to_contain_text("READY")


def test_a_dead_letter_is_looked_at_and_discarded(
    operator: Page, stack: TestbedStack, strange: None
) -> None:
    operator.goto("/dead-letters/?resolution=open")
    operator.get_by_role("main").locator("tbody").get_by_role("link").first.click()
    expect(operator.get_by_role("main")).to_contain_text(STRANGE)
    number = operator.url.rstrip("/").rsplit("/", 1)[1]
    operator.get_by_role("link", name="Discard").click()
    operator.get_by_role("button", name="Discard").click()
    expect(operator.get_by_role("main")).to_contain_text("discarded")
    expect(operator.get_by_role("link", name="Discard")).to_have_count(0)
    letter = Api(stack, "viewer").get(f"dead-letters/{number}/")
    assert letter["resolution"] == "discarded"


def test_a_viewer_is_told_why_not(viewer: Page, allowed: list[str]) -> None:
    viewer.goto("/")
    expect(viewer.get_by_role("main")).to_contain_text("needs the role operator")
    expect(viewer.get_by_role("link", name="Start a workflow")).to_have_count(0)
    viewer.goto("/containers/")
    expect(viewer.get_by_role("main")).to_contain_text("need the role operator")
    expect(viewer.get_by_role("link", name=f"Restart {PROGRAM}")).to_have_count(0)
    allowed.append(REFUSED)
    for path in ("/executions/start/", f"/programs/{PROGRAM}/restart/"):
        answer = viewer.goto(path)
        assert answer is not None
        assert answer.status == 403
        expect(viewer.get_by_role("main")).to_contain_text("needs the role operator")
        expect(viewer.get_by_role("main")).to_contain_text("the role viewer")


def test_a_page_that_does_not_exist_says_what_is_missing(viewer: Page, allowed: list[str]) -> None:
    allowed.append("status of 404")
    for path, missing in (
        ("/executions/no-such-0001/", "there is no execution no-such-0001"),
        ("/runs/7/", "7"),
        ("/no-such-page/", "/no-such-page/"),
    ):
        viewer.goto(path)
        expect(viewer.get_by_role("heading", level=1)).to_have_text("Not found")
        expect(viewer.get_by_role("main")).to_contain_text(missing)
        expect(viewer.get_by_role("main").get_by_role("link", name="overview")).to_be_visible()
