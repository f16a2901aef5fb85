"""All pages there are, found as a person finds them: from link to link."""

from __future__ import annotations

import re
from collections import deque
from urllib.parse import parse_qs, urljoin, urlsplit

from playwright.sync_api import Page

LINKS = """() => [...document.querySelectorAll("body a[href]:not([download])")]
    .map(link => link.getAttribute("href"))"""
ELSEWHERE = ("/admin/", "/api/", "/static/")
"""What is not of the pages, but made by Django and its packages."""


def kind_of(address: str) -> tuple[str, frozenset[str]]:
    """What an address shows, whichever record: its path without the record's key, and the names
    of its parameters.
    """
    parts = urlsplit(address)
    path = re.sub(r"/[^/]*\d[^/]*|(?<=/programs)/[^/]+", "/*", parts.path)
    return path, frozenset(parse_qs(parts.query))


def crawl(page: Page, home: str) -> dict[str, int]:
    """One address of each kind, with the status of its answer.

    :param home: the monitor's address
    """
    waiting, known = deque(["/"]), {kind_of("/")}
    statuses: dict[str, int] = {}
    while waiting:
        path = waiting.popleft()
        answer = page.goto(path)
        statuses[path] = answer.status if answer else 0
        links: list[str] = page.evaluate(LINKS)
        for link in links:
            parts = urlsplit(urljoin(page.url, link))
            address = parts.path + (f"?{parts.query}" if parts.query else "")
            if f"{parts.scheme}://{parts.netloc}" != home or parts.path.startswith(ELSEWHERE):
                continue
            if kind_of(address) not in known:
                known.add(kind_of(address))
                waiting.append(address)
    return statuses
