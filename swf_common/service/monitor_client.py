"""The monitor's REST interface as agents use it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import requests

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
MINIMAL = {"Prefer": "return=minimal"}
UNAVAILABLE = frozenset({502, 503, 504})
"""Status codes that mean "come back later", as a refused connection does."""


class MonitorRefused(Exception):
    """The monitor understood a request and refused it, or failed on it."""

    def __init__(self, method: str, path: str, status: int, text: str) -> None:
        super().__init__(f"{method} {path}: {status} {text[:500]}")
        self.status = status
        self.text = text


class MonitorUnavailable(ConnectionError):
    """The monitor cannot be reached at the moment."""


class Stopped(Exception):
    """The agent is shutting down; work that waits is given up."""


class MonitorClient:
    """A session with the monitor.

    :param stopping: set when the agent shuts down; ends the waiting of `call`
    :param on_unavailable: called after each failed attempt with the seconds that have passed, the
        pause before the next attempt included
    """

    def __init__(
        self,
        url: str,
        token: str,
        stopping: threading.Event,
        on_unavailable: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._url = url
        self._stopping = stopping
        self._on_unavailable = on_unavailable
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Token {token}"

    def once(
        self, method: str, path: str, body: Any = None, *, minimal: bool = False, **params: Any
    ) -> Any:
        """One attempt at a request; the decoded answer.

        :param minimal: ask for the shortest answer that there is; None where that is empty
        :raises MonitorUnavailable: no answer, or one that means "come back later"
        :raises MonitorRefused: any other status than 2xx, or an answer that is not JSON
        """
        try:
            answer = self._session.request(
                method,
                f"{self._url}/api/{path}",
                json=body,
                params=params or None,
                headers=MINIMAL if minimal else None,
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise MonitorUnavailable(f"{type(error).__name__}: {error}") from error
        if answer.status_code in UNAVAILABLE:
            raise MonitorUnavailable(f"status {answer.status_code}")
        if not 200 <= answer.status_code < 300:
            raise MonitorRefused(method, path, answer.status_code, answer.text)
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            raise MonitorRefused(method, path, answer.status_code, answer.text) from error

    def call(
        self, method: str, path: str, body: Any = None, *, minimal: bool = False, **params: Any
    ) -> Any:
        """A request that waits until the monitor is back, however long that takes.

        :param minimal: as `once`
        :raises MonitorRefused: as `once`
        :raises Stopped: the agent shuts down
        """
        pause = 0.2
        while True:
            began = time.monotonic()
            try:
                return self.once(method, path, body, minimal=minimal, **params)
            except MonitorUnavailable as error:
                log.warning("the monitor is away (%s), trying again in %.1f s", error, pause)
                wait_s = pause * random.uniform(0.8, 1.2)
                self._on_unavailable(time.monotonic() - began + wait_s)
                if self._stopping.wait(wait_s):
                    raise Stopped(f"{method} {path} was given up") from error
                pause = min(pause * 2, 5.0)
