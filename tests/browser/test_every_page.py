"""Each page there is: it answers without an error and without another host, it is readable for
everyone and at every width, and it refuses who may not see it.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from io import StringIO
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import APIResponse, Page, expect

from swf_common.protocol.states import Role
from testbed.integration import TestbedStack
from tests.browser.axe import check_accessible
from tests.browser.crawl import crawl
from tests.browser.people import STRANGER, People
from tests.browser.watch import Watch
from tests.waiting import eventually

LISTS = (
    "executions",
    "definitions",
    "runs",
    "stf-files",
    "agents",
    "messages",
    "logs",
    "dead-letters",
)
OTHERS = ("/", "/account/", "/executions/start/", "/logs/summary/")
COLOURS = ("color-contrast", "link-in-text-block")
"""What differs between light and dark."""
NARROW = {"width": 390, "height": 844}
"""A telephone, in CSS pixels; also about what is left of a wide screen at 300 %."""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
SORTED_BY = """() => [...document.querySelectorAll("table.list th")]
    .filter(heading => heading.querySelector("a")).map(heading => heading.textContent.trim())"""
FORMS = """() => [...document.querySelectorAll("form[method=post]")].map(form => form.action)"""
OWN_FORMS = ("/account", "/accounts/")
"""Forms for everybody: what one does to one's own account."""


@dataclass(frozen=True)
class Found:
    """What was found by following links.

    :param statuses: by address
    :param problems: errors, and requests to other hosts
    """

    statuses: dict[str, int]
    problems: list[str]

    @property
    def paths(self) -> list[str]:
        """One page of each kind, without filters and orders."""
        return [path for path in self.statuses if "?" not in path]


@pytest.fixture(scope="module")
def found(stack: TestbedStack, people: People, finished: Any, strange: None) -> Found:
    """The pages as an operator finds them, who is offered more than a viewer."""
    page = people.context(Role.OPERATOR).new_page()
    watch = Watch(page, stack.monitor_url)
    statuses = crawl(page, stack.monitor_url)
    page.close()
    return Found(statuses, watch.problems([]))


def test_every_page_answers_without_an_error_and_without_another_host(found: Found) -> None:
    assert {path: status for path, status in found.statuses.items() if status != 200} == {}
    assert found.problems == []


def test_every_list_and_one_record_of_each_are_found(found: Found, finished: Any) -> None:
    run, execution = finished["run_id"], finished["execution_id"]
    missing = [path for path in OTHERS if path not in found.statuses]
    for name in LISTS:
        patterns = (f"/{name}/", rf"/{name}/(?!start/|summary/)[^/]+/")
        missing += [one for one in patterns if not any(re.fullmatch(one, p) for p in found.paths)]
    if not any(re.fullmatch(r"/runs/\d+/histograms/", path) for path in found.paths):
        missing.append("histograms")
    assert missing == [], (run, execution)


@pytest.mark.parametrize(("scheme", "rules"), [("light", ()), ("dark", COLOURS)])
def test_no_page_has_a_serious_barrier(
    people: People, found: Found, scheme: Literal["light", "dark"], rules: tuple[str, ...]
) -> None:
    page = people.context(Role.OPERATOR).new_page()
    page.emulate_media(color_scheme=scheme)
    barriers = []
    for path in (*found.paths, "/no-such-page/"):
        page.goto(path)
        try:
            check_accessible(page, rules)
        except AssertionError as error:
            barriers.append(str(error))
    page.close()
    assert not barriers, "\n".join(barriers)


def test_no_page_is_wider_than_a_narrow_screen(people: People, found: Found) -> None:
    page = people.context(Role.OPERATOR).new_page()
    page.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
    too_wide = {}
    for path in found.paths:
        page.goto(path)
        by = page.evaluate(TOO_WIDE)
        if by > 0:
            too_wide[path] = by
    page.close()
    assert too_wide == {}, "pixels too wide"


def test_every_page_and_every_live_part_refuses_a_stranger(people: People, found: Found) -> None:
    stranger = people.context(STRANGER).request
    for path in found.statuses:
        plain = stranger.get(path, max_redirects=0)
        assert plain.status == 302, path
        assert urlsplit(plain.headers["location"]).path == "/accounts/login/", path
        live = stranger.get(path, max_redirects=0, headers={"HX-Request": "true"})
        assert live.status in (302, 401), path
        assert "<main" not in live.text(), path


def test_every_action_refuses_a_viewer_and_a_stranger(people: People, found: Found) -> None:
    page = people.context(Role.OPERATOR).new_page()
    actions: set[str] = set()
    for path in found.paths:
        page.goto(path)
        forms: list[str] = page.evaluate(FORMS)
        actions |= {urlsplit(form).path for form in forms}
    page.close()
    acting = sorted(path for path in actions if not path.startswith(OWN_FORMS))
    assert len(acting) >= 5, f"start, stop, agents, dead letters: {acting}"
    for path in acting:
        refused = post(people, Role.VIEWER, path)
        assert refused.status == 403, path
        assert f"role {Role.OPERATOR}" in refused.text(), path
        assert post(people, STRANGER, path).status in (302, 401, 403), path


def post(people: People, who: str, path: str) -> APIResponse:
    """Send an empty form, with the mark that the pages give to who sends it."""
    context = people.context(who)
    context.request.get("/accounts/login/" if who == STRANGER else "/account/")
    marks = [
        cookie["value"] for cookie in context.cookies() if cookie.get("name", "").endswith("_csrf")
    ]
    assert marks, "the pages have given no mark for forms"
    headers = {"X-CSRFToken": marks[0], "Referer": f"{people.stack.monitor_url}/"}
    return context.request.post(path, headers=headers, max_redirects=0)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_sorts_by_each_column_that_offers_it(viewer: Page, found: Found, name: str) -> None:
    viewer.goto(f"/{name}/")
    labels: list[str] = viewer.evaluate(SORTED_BY)
    assert labels
    for label in labels:
        downloads = {}
        for _ in range(2):
            named = re.compile(f"^{re.escape(label)}$")
            heading = viewer.locator("table.list th").filter(has_text=named)
            heading.get_by_role("link").click()
            expect(heading).to_have_attribute("aria-sort", re.compile("ascending|descending"))
            downloads[heading.get_attribute("aria-sort")] = download_of(viewer, "JSON")
        assert set(downloads) == {"ascending", "descending"}, label

        def in_order(label: str = label, downloads: Any = downloads) -> bool:
            rising = values_of(viewer, downloads["ascending"], label)
            falling = values_of(viewer, downloads["descending"], label)
            numbers = all(isinstance(value, int | float) for value in rising)
            return rising == falling[::-1] and (not numbers or rising == sorted(rising))

        eventually(in_order, f"{label} is in order, while no rows are added", 5)


def values_of(page: Page, download: str, label: str) -> list[Any]:
    """A column of what a list offers for download; rows without a value are left out."""
    rows = page.context.request.get(download).json()
    values = [row[label.lower().replace(" ", "_")] for row in rows]
    return [value for value in values if value is not None]


def download_of(page: Page, kind: str) -> str:
    """The address that a list offers for download."""
    link = page.get_by_role("link", name=kind, exact=True)
    address: str = link.evaluate("link => link.href")
    return address


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_downloaded_as_it_is_shown(viewer: Page, found: Found, name: str) -> None:
    viewer.goto(f"/{name}/")
    shown = viewer.locator("table.list tbody tr").count()
    labels = viewer.locator("table.list thead th").all_inner_texts()
    answer = viewer.context.request.get(download_of(viewer, "CSV"))
    assert answer.status == 200
    head, *rows = csv.reader(StringIO(answer.text()))
    assert [title.replace("_", " ") for title in head] == [label.lower() for label in labels]
    assert len(rows) >= shown > 0
