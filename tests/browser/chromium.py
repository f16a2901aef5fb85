"""The Chromium that setup/browser.sh finds, as Playwright drives it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from playwright.sync_api import Browser, sync_playwright

from testbed.project import ROOT

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@cache
def executable() -> str | None:
    """The browser's path; None when there is none."""
    command = ["bash", str(ROOT / "setup" / "browser.sh"), "find"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except OSError:
        return None
    return done.stdout.strip() or None


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a new, empty profile.

    :raises LookupError: there is no Chromium
    """
    path = executable()
    if path is None:
        raise LookupError("There is no Chromium or Chrome: setup/browser.sh says how to get one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
