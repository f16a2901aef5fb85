"""Pictures of the pages: `make screenshots`, or python -m tests.browser.screenshots [FOLDER]

Into FOLDER (artifacts/screenshots): each page light and dark, wide and narrow, whole, to look at.
Into docs/images: the main ones, small, for docs/pages.md.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page, ViewportSize, expect

from swf_common.protocol.states import Role
from testbed.integration import TestbedStack
from testbed.project import ROOT
from tests.browser.chromium import chromium
from tests.browser.conftest import ALL_AGENTS
from tests.browser.crawl import crawl
from tests.browser.people import People

FOLDER = ROOT / "artifacts" / "screenshots"
IMAGES = ROOT / "docs" / "images"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDE = ViewportSize(width=1280, height=800)
NARROW = ViewportSize(width=390, height=844)
QUALITY = 70
"""Of WebP, up to 100: text stays sharp."""
LARGEST = 100_000
"""Bytes of a picture in the docs."""
RUN = ("--set=agents.processing.enabled=true", "--set=expect.stf_processed=5")
NAMESPACE = "pictures"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    with TestbedStack(namespace=NAMESPACE, overrides=ALL_AGENTS) as stack, chromium() as browser:
        people = People(browser, stack, {"locale": "en-GB", "timezone_id": "Europe/Rome"})
        page = people.context(Role.OPERATOR).new_page()
        before = stack.run("fast_processing", "--no-realtime", *RUN)
        with stack.command_in_background("run", "fast_processing", "--json", *RUN) as process:
            show(page, "/", "light", WIDE)
            slices = page.get_by_role("progressbar", name="Slices processed")
            expect(slices).to_be_visible(timeout=60_000)
            take_overview(page)
            output, _ = process.communicate()
        take_for_docs(page, json.loads(output), before)
        paths = [path for path in crawl(page, stack.monitor_url) if "?" not in path]
        take_all(page, paths, folder)
        people.close()
    print(f"pages are in {folder}, pictures for the docs in {IMAGES}")


def take_all(page: Page, paths: list[str], folder: Path) -> None:
    """Each page in each scheme and width."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        for scheme in SCHEMES:
            for width, size in (("wide", WIDE), ("narrow", NARROW)):
                show(page, path, scheme, size)
                name = path.strip("/").replace("/", "-") or "overview"
                page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)


def take_overview(page: Page) -> None:
    """The overview while a workflow runs."""
    take(page, "overview")
    page.emulate_media(color_scheme="dark")
    take(page, "overview-dark")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(NARROW)
    take(page, "overview-narrow")


def take_for_docs(page: Page, report: Any, before: Any) -> None:
    """Further pages that docs/pages.md shows."""
    execution, run = report["execution_id"], report["run_id"]
    for name, path in (
        ("execution", f"/executions/{execution}/"),
        ("histograms", f"/runs/{run}/histograms/?with={before['run_id']}"),
        ("messages", f"/messages/?execution_id={execution}"),
    ):
        show(page, path, "light", WIDE)
        take(page, name)


def take(page: Page, name: str) -> None:
    """A picture of what the window shows, to docs/images.

    :raises ValueError: it is too large
    """
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    session.detach()
    picture = base64.b64decode(taken["data"])
    if len(picture) > LARGEST:
        raise ValueError(f"{name} has {len(picture)} bytes, more than {LARGEST}")
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / f"{name}.webp").write_bytes(picture)


def show(page: Page, path: str, scheme: Literal["light", "dark"], size: ViewportSize) -> None:
    """Open a page, until it stands as people see it."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    page.goto(path)
    if page.locator("[data-live]").count():
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")


if __name__ == "__main__":
    main()
