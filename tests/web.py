"""Requests to the monitor's pages as a browser makes them, without one."""

from __future__ import annotations

import re
from typing import Any

import requests


class Browser:
    """Requests with cookies, forms and their CSRF tokens, as a browser makes them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path: str, **options: Any) -> requests.Response:
        return self._session.get(f"{self._url}{path}", timeout=20, **options)

    def post(self, path: str, page: str, **fields: str) -> requests.Response:
        """Send a form that stands on a page."""
        hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(page).text)
        assert hidden is not None, f"{page} has no form"
        data = {"csrfmiddlewaretoken": hidden[1], **fields}
        return self.send(path, data)

    def send(self, path: str, data: dict[str, str]) -> requests.Response:
        headers = {"Referer": f"{self._url}/"}
        return self._session.post(f"{self._url}{path}", data=data, headers=headers, timeout=20)

    def sign_in(self, user: str, password: str) -> requests.Response:
        page = "/accounts/login/"
        return self.post(page, page, username=user, password=password)
