"""Texts that agents write are shown as texts, whatever is in them."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from testbed.integration import TestbedStack
from tests.browser.strange import AGENT, FILE, RUN, STRANGE
from tests.rest import Api

NOT_RUN = "() => window.stolen === undefined && !document.querySelector('main img[src=x]')"


@pytest.fixture
def rest(stack: TestbedStack, strange: None) -> Api:
    return Api(stack, "viewer")


def check_shown(page: Page, path: str, text: str = STRANGE) -> None:
    """The text stands on the page, and nothing in it has become part of the page."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200, path
    expect(page.get_by_role("main")).to_contain_text(text)
    assert page.evaluate(NOT_RUN), path


def test_a_log_line_is_shown_as_text(viewer: Page, rest: Api) -> None:
    (line,) = rest.get("logs/", instance_name=AGENT)
    check_shown(viewer, f"/logs/?instance_name={AGENT}")
    check_shown(viewer, f"/logs/{line['id']}/")
    check_shown(viewer, "/")
    check_shown(viewer, "/logs/summary/")


def test_the_description_of_an_agent_is_shown_as_text(
    viewer: Page, operator: Page, rest: Api
) -> None:
    check_shown(viewer, f"/agents/{AGENT}/")
    check_shown(operator, f"/agents/{AGENT}/")
    check_shown(viewer, f"/agents/?instance_name={AGENT}")


def test_an_execution_and_its_definition_are_shown_as_text(
    viewer: Page, operator: Page, rest: Api
) -> None:
    (definition,) = rest.get("workflow-definitions/", workflow_name=STRANGE)
    check_shown(viewer, "/executions/")
    check_shown(viewer, f"/executions/{quote(STRANGE, safe='')}/")
    check_shown(operator, f"/executions/{quote(STRANGE, safe='')}/")
    check_shown(viewer, f"/definitions/{definition['id']}/")


def test_the_name_of_a_file_is_shown_as_text(viewer: Page, rest: Api) -> None:
    (file,) = rest.get("stf-files/", stf_filename=FILE)
    check_shown(viewer, f"/stf-files/?run_number={RUN}", FILE)
    check_shown(viewer, f"/stf-files/{file['file_id']}/", FILE)


def test_what_an_agent_says_of_a_run_is_shown_as_text(viewer: Page, rest: Api) -> None:
    (event,) = rest.get("system-state-events/", run_number=RUN)
    check_shown(viewer, f"/state-events/{event['event_id']}/")
    check_shown(viewer, "/workers/strange-worker-1/")


def test_a_dead_letter_is_shown_as_text(viewer: Page, rest: Api) -> None:
    letter, *_ = [row for row in rest.get("dead-letters/") if STRANGE in row["body"]]
    check_shown(viewer, f"/dead-letters/{letter['id']}/")


def test_a_namespace_and_a_subscriber_are_shown_as_text(viewer: Page, rest: Api) -> None:
    check_shown(viewer, "/namespaces/strange-1/")
    check_shown(viewer, "/namespaces/")
    (subscriber,) = [row for row in rest.get("subscribers/") if row["description"] == STRANGE]
    check_shown(viewer, f"/subscribers/{subscriber['subscriber_id']}/")


def test_a_filter_in_the_address_is_shown_as_text(viewer: Page, allowed: list[str]) -> None:
    viewer.goto(f"/messages/?sender_agent={STRANGE}")
    expect(viewer.get_by_label("Active filters")).to_contain_text(STRANGE)
    assert viewer.evaluate(NOT_RUN)
    allowed.append("status of 400")
    viewer.goto(f"/messages/?sort={STRANGE}")
    expect(viewer.get_by_role("alert")).to_contain_text("cannot be sorted by")
    assert viewer.evaluate(NOT_RUN)
