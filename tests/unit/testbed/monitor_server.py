"""A tiny monitor in this process: it keeps every request, and answers as a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from swf_common.protocol.users import USER_HEADER
from tests.unit.stomp_server import PATIENCE_S

HEARTBEAT = "systemagents/heartbeat/"
ANSWERS: dict[tuple[str, str], tuple[int, Any]] = {
    ("POST", "state/next-agent-id/"): (200, {"status": "success", "agent_id": 42}),
    ("POST", "state/next-run-number/"): (200, {"status": "success", "run_number": 100010}),
    ("POST", "state/next-workflow-execution-id/"): (200, {"sequence": 7}),
    ("GET", "workflow-definitions/"): (200, []),
    ("POST", "workflow-definitions/"): (201, {"id": 3}),
    ("GET", "workflow-executions/"): (200, []),
    ("GET", "runs/"): (200, []),
    ("POST", "runs/"): (201, {"run_id": 5}),
}


@dataclass(frozen=True)
class Request:
    """A request as it came; `path` is what follows `/api/`."""

    method: str
    path: str
    params: dict[str, str]
    body: Any
    authorization: str | None
    user: str | None


class MonitorServer:
    """Answers what stands in `answers`, and everything else with 200 and an empty object.

    :ivar away: every request is answered with 503
    :ivar breaking_off: answers end in their middle
    :ivar on_request: told of each request before it is answered
    """

    def __init__(self) -> None:
        self.answers = dict(ANSWERS)
        self.away = False
        self.breaking_off = False
        self.on_request: Callable[[Request], None] = lambda _: None
        self.requests: list[Request] = []
        self._changed = threading.Condition()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def of(self, method: str, path: str) -> list[Request]:
        """The requests of one kind, in their order."""
        return [one for one in self.requests if (one.method, one.path) == (method, path)]

    def beats(self, **facts: Any) -> list[Any]:
        """The heartbeats that say so."""
        return [
            one.body
            for one in self.of("POST", HEARTBEAT)
            if all(one.body.get(name) == value for name, value in facts.items())
        ]

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is true of what has come."""
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE_S):
                raise AssertionError(f"{what}: not within {PATIENCE_S:.0f} s")

    def wait_for_beat(self, **facts: Any) -> Any:
        """The first heartbeat that says so, once it has come."""
        self.wait(lambda: self.beats(**facts), f"a heartbeat with {facts}")
        return self.beats(**facts)[0]

    def stop(self) -> None:
        """Answer nobody any more."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(PATIENCE_S)

    def _take(self, request: Request) -> tuple[int, Any]:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        if self.away:
            return 503, {"detail": "come back later"}
        self.on_request(request)
        key = (request.method, request.path)
        answer: tuple[int, Any] = self.answers.get(key, (200, {}))
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                parts = urlsplit(self.path)
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content = server._take(
                    Request(
                        self.command,
                        parts.path.removeprefix("/api/"),
                        dict(parse_qsl(parts.query)),
                        json.loads(sent) if sent else None,
                        self.headers.get("Authorization"),
                        self.headers.get(USER_HEADER),
                    )
                )
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) + 10 * server.breaking_off))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = _answer

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler
