"""What the engine's answers become; an engine that is away, and one that refuses."""

from __future__ import annotations

import gc
import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from supervisor.docker_engine import NEVER, DockerEngine, read_container
from supervisor.engine import AgentContainer, EngineUnavailable
from swf_common.service.actions import ActionFailed

PROJECT = "testbed-torre1"
DATA = "example-data-agent"


def inspected(**labels: str) -> dict[str, Any]:
    return {
        "Id": "ab" * 32,
        "Name": f"/{PROJECT}-{DATA}-1",
        "RestartCount": 2,
        "State": {
            "Status": "running",
            "ExitCode": 0,
            "StartedAt": "2026-01-05T12:00:00.123456789Z",
            "Health": {"Status": "healthy"},
        },
        "Config": {
            "StopTimeout": 30,
            "Labels": {
                "com.docker.compose.project": PROJECT,
                "com.docker.compose.service": DATA,
                "com.docker.compose.oneoff": "False",
                "org.epic.testbed.role": "agent",
                **labels,
            },
        },
    }


class Socket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An engine's socket: answers the version, one container, and whatever else with `refusal`."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.container = inspected()
        self.refusal = (204, "")
        self.asked: list[str] = []
        super().__init__(str(path), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Socket

    def _answer(self) -> None:
        path = urlsplit(self.path)
        name = path.path.split("/", 2)[-1]
        if path.path.endswith("/version"):
            self._send(200, {"ApiVersion": "1.47"})
        elif name == "containers/json":
            self.server.asked.append(str(parse_qs(path.query)["filters"][0]))
            self._send(200, [{"Id": "ab" * 32}, {"Id": "cd" * 32}])
        elif name == f"containers/{'ab' * 32}/json":
            self._send(200, self.server.container)
        elif name.endswith("/json"):
            self._send(404, {"message": "No such container"})
        else:
            self.server.asked.append(f"{name}?{path.query}".rstrip("?"))
            status, message = self.server.refusal
            self._send(status, {"message": message} if message else None)

    do_GET = do_POST = _answer

    def _send(self, status: int, content: object) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "a unix socket"


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Socket]:
    with Socket(tmp_path / "docker.sock") as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def engine(socket: Socket, tmp_path: Path) -> Iterator[DockerEngine]:
    made = DockerEngine(PROJECT, f"unix://{tmp_path}/docker.sock")
    yield made
    made._client.close()


def test_a_container_is_read_from_what_inspect_says() -> None:
    container = read_container(inspected())
    assert container == AgentContainer(
        program=DATA,
        container_id="ab" * 32,
        name=f"{PROJECT}-{DATA}-1",
        state="running",
        exit_code=0,
        started_at="2026-01-05T12:00:00.123456789Z",
        restart_count=2,
        health="healthy",
        stop_timeout=30,
    )
    state = container.as_reply()
    assert (state.exit_code, state.restart_count) == (None, 2)
    assert state.started_at is not None
    assert state.started_at.isoformat() == "2026-01-05T12:00:00.123456+00:00"


def test_a_container_that_never_ran_has_neither_start_nor_exit_code() -> None:
    details = inspected()
    details["State"] = {"Status": "created", "ExitCode": 0, "StartedAt": NEVER}
    details["Config"]["StopTimeout"] = None
    container = read_container(details)
    assert (container.started_at, container.health, container.stop_timeout) == ("", None, 10)
    assert (container.as_reply().started_at, container.as_reply().exit_code) == (None, None)


def test_what_an_agent_accounts_for_is_read_from_the_labels_of_its_service() -> None:
    details = inspected()
    details["Config"]["Labels"] |= {
        "org.epic.testbed.agent": "data",
        "org.epic.testbed.stages": "stf.registered stf.checked",
    }
    reply = read_container(details).as_reply()
    assert (reply.agent, reply.stages) == ("data", ["stf.registered", "stf.checked"])


def test_the_agents_are_asked_for_by_their_labels_and_those_that_went_away_are_left_out(
    engine: DockerEngine, socket: Socket
) -> None:
    assert [one.program for one in engine.agents()] == [DATA]
    (filters,) = socket.asked
    assert set(json.loads(filters)["label"]) == {
        f"com.docker.compose.project={PROJECT}",
        "com.docker.compose.oneoff=False",
        "org.epic.testbed.role=agent",
    }


@pytest.mark.parametrize(
    "labels",
    [
        {"com.docker.compose.project": "testbed-torre2"},
        {"com.docker.compose.oneoff": "True"},
        {"org.epic.testbed.role": "backend"},
    ],
)
def test_a_container_with_other_labels_is_never_seen(
    engine: DockerEngine, socket: Socket, labels: dict[str, str]
) -> None:
    (container,) = engine.agents()
    socket.container = inspected(**labels)
    assert engine.agents() == []
    assert engine.inspect(container) is None


def test_each_action_is_one_call_for_that_container(engine: DockerEngine, socket: Socket) -> None:
    (container,) = engine.agents()
    socket.asked.clear()
    engine.start(container)
    engine.unpause(container)
    engine.stop(container, 7)
    engine.restart(container, None)
    engine.kill(container)
    whom = f"containers/{'ab' * 32}"
    assert socket.asked == [
        f"{whom}/start",
        f"{whom}/unpause",
        f"{whom}/stop?t=7",
        f"{whom}/restart?t=30",
        f"{whom}/kill?signal=SIGKILL",
    ]


def test_what_the_engine_refuses_is_told_in_its_words(engine: DockerEngine, socket: Socket) -> None:
    (container,) = engine.agents()
    socket.refusal = (409, "is not running")
    with pytest.raises(ActionFailed, match="the engine says: is not running"):
        engine.kill(container)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the SDK leaves its socket to the collector
def test_an_engine_without_a_socket_is_away(tmp_path: Path) -> None:
    engine = DockerEngine(PROJECT, f"unix://{tmp_path}/docker.sock")
    for ask in (engine.ping, engine.agents):
        with pytest.raises(EngineUnavailable, match="The Docker engine does not answer"):
            ask()
    gc.collect()
