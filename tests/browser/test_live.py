"""What changes while a page is open."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from swf_common.protocol.states import Role
from testbed.integration import TestbedStack
from tests.browser.people import People
from tests.rest import Api, log_record

AT_ONCE_MS = 5_000
"""A third of the time after which a page looks by itself; `benchmarks/pages.py` measures."""
MARK = "() => { window.sameDocument = true; }"
SAME = "() => window.sameDocument === true"


class ChangingAgent:
    """An agent of which only the heartbeats exist; it leaves when it is done."""

    def __init__(self, stack: TestbedStack) -> None:
        self.name = f"changing-agent-{uuid4().hex[:6]}"
        self._api = Api(stack, "agent")
        self._heartbeat: dict[str, Any] = {
            "instance_name": self.name,
            "agent_type": "test",
            "program": "changing-agent",
            "namespace": stack.namespace,
            "heartbeat_interval": 60,
            "mq_connected": True,
        }

    def says(self, state: str, status: str = "OK", **more: Any) -> None:
        """Send a heartbeat."""
        body = {**self._heartbeat, "operational_state": state, "status": status, **more}
        answer = self._api.post("systemagents/heartbeat/", body)
        assert answer.status_code in (200, 201), answer.text


@pytest.fixture
def changing(stack: TestbedStack) -> Any:
    agent = ChangingAgent(stack)
    yield agent
    agent.says("EXITED", "EXITED")


def live(page: Page, path: str = "/") -> Page:
    """A page that is open and follows what happens."""
    page.goto(path)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    page.evaluate(MARK)
    return page


def row(page: Page, agent: ChangingAgent) -> Any:
    return page.get_by_role("row").filter(has_text=agent.name)


def test_a_changed_state_appears_on_the_open_overview(
    viewer: Page, changing: ChangingAgent
) -> None:
    changing.says("STARTING")
    live(viewer)
    for state in ("READY", "PROCESSING", "READY"):
        changing.says(state)
        expect(row(viewer, changing)).to_contain_text(state, timeout=AT_ONCE_MS)
    changing.says("READY", "WARNING", description="no disk space is left")
    expect(row(viewer, changing)).to_contain_text("no disk space", timeout=AT_ONCE_MS)
    verdict = viewer.get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text(f"{changing.name} is WARNING")
    changing.says("EXITED", "EXITED")
    expect(row(viewer, changing)).to_have_count(0, timeout=AT_ONCE_MS)
    assert viewer.evaluate(SAME), "without a reload"


@pytest.mark.parametrize("wrong_ms", [3_600_000, -86_400_000])
def test_ages_are_those_of_the_monitors_clock_when_the_viewers_is_wrong(
    viewer: Page, changing: ChangingAgent, wrong_ms: int
) -> None:
    viewer.add_init_script(f"const real = Date.now; Date.now = () => real() + {wrong_ms};")
    changing.says("READY")
    live(viewer)
    age = row(viewer, changing).locator("time[data-shown=age]")
    expect(age).to_have_text(re.compile(r"^[2-9] s ago$"))
    changing.says("PROCESSING")
    expect(row(viewer, changing)).to_contain_text("PROCESSING", timeout=AT_ONCE_MS)
    expect(age).to_have_text(re.compile(r"^[2-9] s ago$"))


def test_a_new_log_line_appears_on_the_open_list(viewer: Page, stack: TestbedStack) -> None:
    sender = f"talking-agent-{uuid4().hex[:6]}"
    live(viewer, f"/logs/?instance_name={sender}")
    text = f"line {uuid4().hex}"
    record = log_record(instance_name=sender, message=text)
    assert Api(stack, "agent").post("logs/", record).status_code == 201
    expect(viewer.get_by_role("row").filter(has_text=text)).to_be_visible(timeout=AT_ONCE_MS)
    assert viewer.evaluate(SAME), "without a reload"


def test_a_lost_connection_is_shown_and_recovers_by_itself(
    people: People,
    watched: Callable[[Page], Page],
    allowed: list[str],
    changing: ChangingAgent,
) -> None:
    allowed.append("ERR_INTERNET_DISCONNECTED|htmx:(sendError|afterRequest)")
    context = people.another_context(Role.VIEWER)
    page = live(watched(context.new_page()))
    connection = page.locator("#connection")
    context.set_offline(True)
    expect(connection).to_have_attribute("data-state", "lost")
    expect(connection).to_be_visible()
    changing.says("PROCESSING")
    context.set_offline(False)
    expect(connection).to_have_attribute("data-state", "live")
    expect(row(page, changing)).to_contain_text("PROCESSING")
    assert page.evaluate(SAME), "without a reload"
    context.close()
