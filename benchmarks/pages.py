"""Pages with a million messages behind them: how long each takes in every order that it offers,
and how soon a change of an agent's state stands on an overview that is open.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import requests
from playwright.sync_api import Page

from benchmarks.outcome import finish
from benchmarks.records import fill
from benchmarks.runs import WITHOUT_AGENTS
from benchmarks.usage import metered
from swf_common.protocol.states import Role
from testbed.integration import TestbedStack
from tests.browser.chromium import chromium
from tests.browser.people import People
from tests.rest import Api

CALLS = 40
WARM_UP = 3
CHANGES = 100
FILTERED = {
    "messages of an execution": "/messages/?execution_id=bench-77",
    "messages of a run": "/messages/?run_id=100050",
    "messages of a type": "/messages/?message_type=slice",
    "messages of a sender": "/messages/?sender_agent=agent-7",
    "messages of a type in an execution": "/messages/?execution_id=bench-9&message_type=slice",
    "messages of a namespace": "/messages/?namespace=bench",
    "messages of nobody": "/messages/?sender_agent=nobody",
    "log lines of a level": "/logs/?levelname=ERROR",
    "log lines of an execution": "/logs/?execution_id=bench-77",
    "a text that many log lines have": "/logs/?search=was+read",
    "a text that one log line has": "/logs/?search=swf.500.stf",
    "a text that no log line has": "/logs/?search=nowhere",
    "slices of a run": "/tf-slices/?run_number=100050",
    "slices that failed": "/tf-slices/?status=failed",
    "STF files of a run": "/stf-files/?run_number=100050",
    "samples that are registered": "/tf-samples/?status=registered",
    "events of a type": "/state-events/?event_type=end_run",
    "open dead letters": "/dead-letters/?resolution=open",
    "executions that failed": "/executions/?status=failed",
    "open runs": "/runs/?active=true",
}
RECORDS = {
    "an execution of 5,000 messages": "/executions/bench-77/",
    "a run": "/runs/100050/",
    "a namespace": "/namespaces/bench/",
    "an agent": "/agents/agent-7/",
    "a worker": "/workers/worker-1/",
}
ON_THE_PAGE = """() => ({
    orders: [...document.querySelectorAll("table.list th a")].map(link => link.href),
    next: document.querySelector("a[rel=next]")?.href,
})"""
WAIT_FOR_STATE = """([name, state]) => {
    const shown = () => [...document.querySelectorAll("tr, li, dl")].some(
        part => part.textContent.includes(name) && part.textContent.includes(state));
    window.shownAt = new Promise(done => {
        const observer = new MutationObserver(() => {
            if (shown()) { observer.disconnect(); done(Date.now()); }
        });
        const everything = {subtree: true, childList: true, characterData: true};
        observer.observe(document.body, everything);
    });
}"""


@dataclass(frozen=True)
class Figures:
    """Waits in milliseconds, as a client sees them."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> Figures:
        waits = sorted(seconds)
        return cls(*(1000 * waits[int(share * len(waits))] for share in (0.5, 0.95, 0.99)))


def addresses(page: Page, home: str) -> Iterator[tuple[str, str]]:
    """What to measure, each with a name: every page of the menu in every order that it offers,
    its second page, and some filters and records.
    """
    page.goto("/")
    links = page.get_by_role("navigation", name="Main").get_by_role("link").all()
    menu = dict.fromkeys(urljoin(home, link.get_attribute("href") or "") for link in links)
    for address in menu:
        if address.startswith(f"{home}/api/"):  # the description of REST is no list
            continue
        yield address.removeprefix(home), address
        page.goto(address)
        found: dict[str, Any] = page.evaluate(ON_THE_PAGE)
        orders = dict.fromkeys(found["orders"])
        for order in orders:
            yield order.removeprefix(home), order
        if found["next"]:
            yield f"{address.removeprefix(home)}, second page", found["next"]
    for name, path in (FILTERED | RECORDS).items():
        yield name, f"{home}{path}"


def measure(session: requests.Session, address: str) -> Figures:
    """How long a page takes, until it has come whole."""
    for _ in range(WARM_UP):
        once(session, address)
    return Figures.of([once(session, address) for _ in range(CALLS)])


def once(session: requests.Session, address: str) -> float:
    """Seconds that one page takes."""
    started = time.perf_counter()
    answer = session.get(address, timeout=60, allow_redirects=False)
    assert answer.status_code == 200, f"{answer.status_code} {address}"
    return time.perf_counter() - started


def measure_pages(people: People) -> list[Figures]:
    """Measure all pages as a viewer."""
    context = people.context(Role.VIEWER)
    page = context.new_page()
    session = requests.Session()
    session.trust_env = False
    for cookie in context.cookies():
        session.cookies.set(cookie.get("name", ""), cookie.get("value", ""))
    measured = []
    for name, address in list(addresses(page, people.stack.monitor_url)):
        figures = measure(session, address)
        print(f"{name}: p50 {figures.p50:.0f} ms, p95 {figures.p95:.0f} ms", flush=True)
        measured.append(figures)
    page.close()
    return measured


def measure_changes(people: People) -> tuple[Figures, Figures]:
    """From a heartbeat with another state until REST shows it, and until an open overview does."""
    agent, viewer = Api(people.stack, "agent"), Api(people.stack, "viewer")
    page = people.context(Role.VIEWER).new_page()
    name, namespace = f"changing-agent-{uuid4().hex[:6]}", people.stack.namespace
    heartbeat = {
        "instance_name": name,
        "agent_type": "data",
        "program": "example-data-agent",
        "namespace": namespace,
        "container_id": uuid4().hex,
        "heartbeat_interval": 60,
        "status": "OK",
        "mq_connected": True,
    }
    by_rest, on_page = [], []
    beat(agent, heartbeat, "READY")
    page.goto("/")
    page.locator("#connection[data-state=live]").wait_for(state="attached")
    for number in range(CHANGES):
        state = ("PROCESSING", "READY")[number % 2]
        page.evaluate(WAIT_FOR_STATE, [name, state])
        started = time.time()
        beat(agent, heartbeat, state)
        while state not in (
            row["operational_state"]
            for row in viewer.get("readiness/", namespace=namespace)["heartbeats"]
            if row["instance_name"] == name
        ):
            pass
        by_rest.append(time.time() - started)
        on_page.append(page.evaluate("() => window.shownAt") / 1000 - started)
    page.close()
    return Figures.of(by_rest), Figures.of(on_page)


def beat(agent: Api, heartbeat: dict[str, Any], state: str) -> None:
    """Send a heartbeat with a state."""
    answer = agent.post("systemagents/heartbeat/", {**heartbeat, "operational_state": state})
    assert answer.status_code in (200, 201), answer.text


def main() -> None:
    with TestbedStack(overrides=WITHOUT_AGENTS) as stack:
        fill(stack)
        with chromium() as browser:
            people = People(browser, stack)
            with metered(stack) as meter:
                pages = measure_pages(people)
            by_rest, on_page = measure_changes(people)
            people.close()
    for how, change in (("by REST", by_rest), ("on the open overview", on_page)):
        print(f"a change of state {how}: p50 {change.p50:.0f} ms, p99 {change.p99:.0f} ms")
    usage = meter.show("pages", "page", len(pages) * (WARM_UP + CALLS))
    figures = {
        "page_p95_ms": max(one.p95 for one in pages),
        "shown_p99_s": on_page.p99 / 1000,
        "rest_p99_s": by_rest.p99 / 1000,
    }
    finish("pages", figures, {"pages": usage})


if __name__ == "__main__":
    main()
