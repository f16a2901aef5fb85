"""What must not happen on any page, seen from the browser: errors, and requests to other hosts."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page, Request, Response


class Watch:
    """Collects what goes wrong on a page: errors of scripts, answers of 500 and above, requests
    to another host than the monitor's.

    :param home: the monitor's address
    """

    def __init__(self, page: Page, home: str) -> None:
        self.page = page
        self._host = urlsplit(home).netloc
        self._problems: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)
        page.on("request", self._on_request)
        page.on("response", self._on_response)

    def problems(self, allowed: list[str]) -> list[str]:
        """What was seen, without what matches one of the patterns."""
        return [
            problem
            for problem in self._problems
            if not any(re.search(pattern, problem) for pattern in allowed)
        ]

    def keep(self, stem: Path) -> None:
        """Write a screenshot and the page as it stands now, for whoever looks for a failure."""
        if self.page.is_closed():
            return
        stem.with_suffix(".html").write_text(self.page.content())
        self.page.screenshot(path=stem.with_suffix(".png"), full_page=True)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._add(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_error(self, error: Error) -> None:
        self._add(f"script: {error}")

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self._host:
            self._add(f"outside request: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 500:
            self._add(f"answer {response.status}: {response.request.method} {response.url}")

    def _add(self, problem: str) -> None:
        self._problems.append(f"{problem}, on {self.page.url}")
