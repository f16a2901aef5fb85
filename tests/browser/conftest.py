"""Fixtures of the browser layer: a testbed with all agents, people, and pages that are watched."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from swf_common.protocol.states import Role
from testbed.integration import TestbedStack
from tests.browser.chromium import chromium, executable
from tests.browser.people import STRANGER, People
from tests.browser.strange import make_strange_records
from tests.browser.watch import Watch
from tests.evidence import ARTIFACTS, evidence_name
from tests.missing import missing
from tests.stacks import WITH_PORTS, running

ALL_AGENTS = tuple(
    f"agents.{key}.enabled=true"
    for key in ("data", "processing", "fastmon", "fast_processing", "transformer")
)
SMALL_RUN = (
    "--no-realtime",
    "--set=agents.processing.enabled=true",
    "--set=fast_processing.stf_count=3",
    "--set=fast_processing.num_tf_per_slice=4",
    "--set=stf_content.tf_count=300",
    "--set=expect.stf_registered=3",
    "--set=expect.stf_processed=3",
)
PATIENCE_MS = 10_000
"""How long Playwright waits for what must come at once, on a machine with two busy cores."""

WATCHES = pytest.StashKey[list[Watch]]()
ALLOWED = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without a Chromium skip the layer; in CI fail it."""
    if executable() is None:
        missing("no Chromium: setup/browser.sh")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test fails when one of its pages had an error or asked another host."""
    result = yield
    watches: list[Watch] = item.stash.get(WATCHES, [])
    allowed: list[str] = item.stash.get(ALLOWED, [])
    problems = [problem for watch in watches for problem in watch.problems(allowed)]
    assert not problems, "\n".join(problems)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Keep the pages of a failed test beside the stack's evidence."""
    report = yield
    watches: list[Watch] = item.stash.get(WATCHES, [])
    if report.failed and watches:
        folder = ARTIFACTS / evidence_name(item, report)
        folder.mkdir(parents=True, exist_ok=True)
        for number, watch in enumerate(watches, 1):
            watch.keep(folder / f"page-{number}")
        report.sections.append(("pages", f"screenshots and HTML are in {folder}"))
    return report


@pytest.fixture(scope="package")
def stack() -> Iterator[TestbedStack]:
    """A running testbed with the agents of both paths."""
    with running(overrides=ALL_AGENTS, files=WITH_PORTS) as stack:
        yield stack


@pytest.fixture(scope="package")
def finished(stack: TestbedStack) -> Any:
    """The report of a run of the fast path, for whoever needs records to look at."""
    report = stack.run("fast_processing", *SMALL_RUN)
    assert report["slices"]["completed"] == report["slices"]["created"] > 0
    return report


@pytest.fixture(scope="package")
def strange(stack: TestbedStack) -> None:
    """Records of every kind with texts that a page must show and not run."""
    make_strange_records(stack)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def people(browser: Browser, stack: TestbedStack) -> Iterator[People]:
    options = {"locale": "en-GB", "timezone_id": "America/New_York"}
    everybody = People(browser, stack, options)
    yield everybody
    everybody.close()


@pytest.fixture
def allowed(request: pytest.FixtureRequest) -> list[str]:
    """Patterns of errors that a test provokes: it appends to the list."""
    patterns: list[str] = []
    request.node.stash[ALLOWED] = patterns
    return patterns


@pytest.fixture
def watched(request: pytest.FixtureRequest, stack: TestbedStack) -> Callable[[Page], Page]:
    """Have a page watched: an error on it fails the test."""
    watches: list[Watch] = []
    request.node.stash[WATCHES] = watches

    def watch(page: Page) -> Page:
        page.set_default_timeout(PATIENCE_MS)
        watches.append(Watch(page, stack.monitor_url))
        return page

    return watch


@pytest.fixture
def page_of(people: People, watched: Callable[[Page], Page]) -> Iterator[Callable[[str], Page]]:
    """Open a new, watched page of somebody."""
    pages: list[Page] = []

    def open_page(who: str) -> Page:
        pages.append(watched(people.context(who).new_page()))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


@pytest.fixture
def administrator(page_of: Callable[[str], Page]) -> Page:
    return page_of(Role.ADMINISTRATOR)


@pytest.fixture
def operator(page_of: Callable[[str], Page]) -> Page:
    return page_of(Role.OPERATOR)


@pytest.fixture
def viewer(page_of: Callable[[str], Page]) -> Page:
    return page_of(Role.VIEWER)


@pytest.fixture
def stranger(page_of: Callable[[str], Page]) -> Page:
    return page_of(STRANGER)
