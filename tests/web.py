"""Requests to the monitor's pages as a browser makes them, without one."""

from __future__ import annotations

import re
from html.parser import HTMLParser
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


def fields_of(page: str, form_id: str) -> dict[str, str]:
    """What a browser would send of a form without a change in it."""
    form = _Form(form_id)
    form.feed(page)
    assert form.fields, f"the page has no form {form_id}"
    return form.fields


class _Form(HTMLParser):
    """Collects the fields of one form."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._form_id = form_id
        self._inside = False
        self._name: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("id") == self._form_id
        if not self._inside:
            return
        if tag in ("textarea", "select"):
            self._name = given.get("name", "")
            if "multiple" not in given:
                self.fields[self._name] = ""
        elif tag == "option" and self._name is not None and "selected" in given:
            self.fields[self._name] = given.get("value", "")
        elif tag == "input" and self._sends(given):
            ticked = given.get("type") in ("checkbox", "radio")
            self.fields[given["name"]] = given.get("value", "on" if ticked else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag in ("textarea", "select"):
            if tag == "textarea" and self._name is not None:  # HTML ignores the first line break
                self.fields[self._name] = self.fields[self._name].removeprefix("\n")
            self._name = None

    def handle_data(self, data: str) -> None:
        if self._name is not None and self.lasttag == "textarea":
            self.fields[self._name] += data

    @staticmethod
    def _sends(given: dict[str, str]) -> bool:
        kind = given.get("type")
        if kind in ("submit", "button"):
            return False
        return "name" in given and (kind not in ("checkbox", "radio") or "checked" in given)
