"""Pictures of the pages: `make screenshots`, or python -m tests.browser.screenshots [FOLDER]

Into FOLDER (artifacts/screenshots): each page light and dark, wide and narrow, whole, to look at.
Into docs/images: the main ones, small, for docs/pages.md.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page, ViewportSize, expect

from testbed.integration import TestbedStack
from testbed.project import ROOT
from testbed.protocol.states import Role
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
RUN = (
    "--set=fast_processing.stf_count=10",
    "--set=agents.processing.enabled=true",
    "--set=expect.stf_processed=10",
    "--no-realtime",
)
NAMESPACE = "pictures"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    with TestbedStack(namespace=NAMESPACE, overrides=ALL_AGENTS) as stack:
        report = stack.run("fast_processing", *RUN)
        with chromium() as browser:
            people = People(browser, stack, {"locale": "en-GB", "timezone_id": "Europe/Rome"})
            page = people.context(Role.OPERATOR).new_page()
            take_all(
                page, [path for path in crawl(page, stack.monitor_url) if "?" not in path], folder
            )
            take_for_docs(page, report)
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


def take_for_docs(page: Page, report: Any) -> None:
    """The pages that docs/pages.md shows."""
    execution, run = report["execution_id"], report["run_id"]
    pictures: tuple[tuple[str, str, Literal["light", "dark"], ViewportSize], ...] = (
        ("overview", "/", "light", WIDE),
        ("overview-dark", "/", "dark", WIDE),
        ("overview-narrow", "/", "light", NARROW),
        ("execution", f"/executions/{execution}/", "light", WIDE),
        ("histograms", f"/runs/{run}/histograms/", "light", WIDE),
        ("messages", f"/messages/?execution_id={execution}", "light", WIDE),
    )
    IMAGES.mkdir(parents=True, exist_ok=True)
    session = page.context.new_cdp_session(page)
    for name, path, scheme, size in pictures:
        show(page, path, scheme, size)
        taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
        picture = base64.b64decode(taken["data"])
        if len(picture) > LARGEST:
            raise ValueError(f"{name} has {len(picture)} bytes, more than {LARGEST}")
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
