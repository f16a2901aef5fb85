"""The monitor's REST interface as tests use it, as a role or as nobody, and what is behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests

from testbed.integration import TestbedStack

Sql = Callable[[str], tuple[bool, str]]
"""Runs statements at a stack's database; whether they went through, and what psql said."""


class Api:
    """Requests in the name of a role of a stack; None: without a token."""

    def __init__(self, stack: TestbedStack, role: str | None) -> None:
        self._stack = stack
        self._session = requests.Session()
        self._session.trust_env = False
        if role is not None:
            token = stack.session.project.secret(f"token_{role}")
            self._session.headers["Authorization"] = f"Token {token}"

    def request(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """One request; `body` goes as JSON."""
        url = f"{self._stack.monitor_url}/api/{path}"
        if body is not None:
            options["json"] = body
        return self._session.request(method, url, timeout=20, **options)

    def get(self, path: str, **params: Any) -> Any:
        """The decoded answer of a GET that has to succeed."""
        answer = self.request("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None) -> Any:
        """The answer of a POST."""
        return self.request("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        """The answer of a PATCH."""
        return self.request("PATCH", path, body)


def log_record(**changes: Any) -> dict[str, Any]:
    """A log record as agents post it, of now: the recorder removes old ones at any moment."""
    record = {
        "app_name": "test",
        "instance_name": "test-1",
        "timestamp": datetime.now(UTC).isoformat(),
        "level": 20,
        "levelname": "INFO",
        "message": "hello",
        "module": "m",
        "funcname": "f",
        "lineno": 1,
        "process": 1,
        "thread": 1,
    }
    return {**record, **changes}
