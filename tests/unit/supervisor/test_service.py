"""The service between a broker and an engine: each command is answered, once carried out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from supervisor import service
from supervisor.service import Supervisor
from supervisor.settings import Settings
from swf_common.protocol.destinations import AGENT_CONTROL, CONTROL
from swf_common.service import actions
from tests.unit.samples import NAMESPACE
from tests.unit.stomp_server import PATIENCE_S, StompServer
from tests.unit.supervisor.fake_engine import FakeEngine
from tests.waiting import eventually

DATA = "example-data-agent"
REPLIES = "/remote-temp-queue/replies"


class Bench:
    """A supervisor with its surroundings."""

    def __init__(self, server: StompServer, folder: Path) -> None:
        self.server = server
        self.engine = FakeEngine()
        self.engine.add(DATA)
        self._state_file = folder / "state"
        settings = Settings(NAMESPACE, server.broker, self._state_file)
        self.supervisor = Supervisor(settings, self.engine)
        self._thread = threading.Thread(target=self.supervisor.run, daemon=True)

    @property
    def state(self) -> str:
        """What the state file says; nothing before there is one."""
        return self._state_file.read_text().split()[0] if self._state_file.exists() else ""

    def ready(self) -> None:
        self._thread.start()
        self.becomes("READY")

    def becomes(self, state: str) -> None:
        eventually(lambda: self.state == state, f"the state file says {state}", PATIENCE_S)

    def stop(self) -> None:
        self.supervisor.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def deliver(self, content: object, number: int = 1, **headers: str) -> None:
        """Let the broker deliver something, with an address for the reply."""
        body = content if isinstance(content, str) else json.dumps(content)
        self.server.deliver(body, ack=f"ack-{number}", **{"reply_to": REPLIES, **headers})

    def replies(self, count: int = 1) -> list[Any]:
        """What was sent to the commands' senders."""
        self.server.wait(lambda: len(self.sent_to(REPLIES)) >= count, f"{count} replies")
        return [json.loads(frame.body) for frame in self.sent_to(REPLIES)[:count]]

    def sent_to(self, destination: str) -> list[Any]:
        """The frames that were sent to a destination."""
        return [one for one in self.server.of("SEND") if one.destination == destination]

    def acknowledged(self, count: int = 1) -> set[str]:
        return {frame.headers["id"] for frame in self.server.wait_for("ACK", count)}


@pytest.fixture
def bench(server: StompServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(actions, "SETTLE_S", 0.0)
    monkeypatch.setattr(service, "CHECK_INTERVAL_S", 0.05)
    made = Bench(server, tmp_path)
    made.ready()
    yield made
    made.engine.gate.set()
    made.engine.away = False
    made.stop()


def command(verb: str, **fields: Any) -> dict[str, Any]:
    usual = {"msg_type": verb, "message_id": str(uuid4()), "namespace": NAMESPACE}
    return {**usual, "program": DATA, **fields}


def test_it_takes_commands_of_its_own_namespace_alone(bench: Bench) -> None:
    (subscribed,) = bench.server.of("SUBSCRIBE")
    assert subscribed.destination == AGENT_CONTROL
    assert subscribed.headers["selector"] == f"namespace = '{NAMESPACE}'"
    assert subscribed.headers["ack"] == "client-individual"


def test_a_command_is_answered_and_then_acknowledged(bench: Bench) -> None:
    stop = command("stop")
    bench.deliver(stop, correlation_id="my-question")
    assert bench.acknowledged() == {"ack-1"}
    (reply,) = bench.replies()
    assert (reply["msg_type"], reply["sender"]) == ("done", "supervisor")
    assert reply["namespace"] == NAMESPACE
    assert [state["state"] for state in reply["containers"]] == ["exited"]
    (sent,) = bench.sent_to(REPLIES)
    assert sent.headers["correlation-id"] == "my-question"
    order = [one.command for one in bench.server.frames if one.command in ("SEND", "ACK")]
    assert order == ["SEND", "SEND", "ACK"]


def test_a_reply_goes_to_the_recorder_too(bench: Bench) -> None:
    bench.deliver(command("stop"), correlation_id="my-question")
    bench.acknowledged()
    (copy,) = bench.sent_to(CONTROL)
    assert copy.headers["correlation-id"] == "my-question"
    assert copy.body == bench.sent_to(REPLIES)[0].body


def test_the_reply_to_a_command_without_correlation_id_carries_its_message_id(bench: Bench) -> None:
    wanted = command("list")
    bench.deliver(wanted)
    bench.replies()
    (sent,) = bench.sent_to(REPLIES)
    assert sent.headers["correlation-id"] == wanted["message_id"]


def test_a_command_without_an_address_is_carried_out(bench: Bench) -> None:
    bench.server.deliver(json.dumps(command("stop")), ack="ack-1")
    assert bench.acknowledged() == {"ack-1"}
    assert bench.engine.calls
    assert bench.sent_to(REPLIES) == []


def test_a_command_that_comes_again_is_answered_again_and_carried_out_once(bench: Bench) -> None:
    restart = command("restart")
    bench.deliver(restart, 1)
    bench.acknowledged()
    bench.deliver(restart, 2)
    assert bench.acknowledged(2) == {"ack-1", "ack-2"}
    first, second = bench.replies(2)
    assert first == second
    assert len(bench.engine.calls) == 1


def test_a_command_that_comes_again_while_it_is_carried_out_is_carried_out_once(
    bench: Bench,
) -> None:
    bench.engine.gate.clear()
    stop = command("stop")
    bench.deliver(stop, 1)
    eventually(lambda: bench.engine.calls, "the stop has begun", PATIENCE_S)
    bench.server.drop()
    bench.server.wait_for("SUBSCRIBE", 2)
    bench.becomes("READY")
    bench.deliver(stop, 2)
    bench.engine.gate.set()
    assert "ack-2" in bench.acknowledged()
    assert len(bench.engine.calls) == 1


def test_a_list_is_answered_while_every_worker_is_busy(bench: Bench) -> None:
    bench.engine.gate.clear()
    for number in range(service.WORKERS + 2):
        bench.deliver(command("stop"), number)
    bench.deliver(command("list"), 99)
    assert bench.acknowledged() == {"ack-99"}
    bench.engine.gate.set()
    assert len(bench.acknowledged(service.WORKERS + 3)) == service.WORKERS + 3


def test_what_is_no_command_is_rejected_with_a_reason_and_acknowledged(bench: Bench) -> None:
    garbage: list[object] = [
        "",
        "no json",
        [1],
        {"msg_type": "exec"},
        command("stop", program="a;b"),
    ]
    for number, content in enumerate(garbage):
        bench.deliver(content, number)
    assert len(bench.acknowledged(len(garbage))) == len(garbage)
    for reply in bench.replies(len(garbage)):
        assert reply["msg_type"] == "rejected"
        assert reply["reason"]
    assert bench.engine.calls == []
    assert bench.state == "READY"


def test_what_is_no_command_and_has_no_address_becomes_a_dead_letter(bench: Bench) -> None:
    bench.server.deliver("no json", ack="ack-1")
    (refused,) = bench.server.wait_for("NACK")
    assert refused.headers["id"] == "ack-1"


def test_an_address_that_the_broker_refuses_does_no_harm(bench: Bench) -> None:
    bench.server.refused.add("/queue/elsewhere")
    bench.deliver(command("list"), 1, reply_to="/queue/elsewhere")
    bench.deliver(command("list"), 2)
    assert bench.acknowledged(2) == {"ack-1", "ack-2"}


def test_a_failure_of_our_own_is_answered_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.engine, "agents", lambda: 1 / 0)
    bench.deliver(command("stop"))
    (reply,) = bench.replies()
    assert (reply["msg_type"], reply["reason"]) == (
        "rejected",
        "ZeroDivisionError: division by zero",
    )
    bench.acknowledged()


def test_only_the_latest_commands_are_remembered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "REMEMBERED", 1)
    first, second = command("restart"), command("restart")
    for number, wanted in enumerate((first, second, first)):
        bench.deliver(wanted, number)
        bench.acknowledged(number + 1)
    assert len(bench.engine.calls) == 3


def test_without_an_engine_it_is_not_ready_and_says_so(bench: Bench) -> None:
    bench.engine.away = True
    bench.becomes("STARTING")
    bench.deliver(command("list"))
    (reply,) = bench.replies()
    assert reply["msg_type"] == "rejected"
    assert "The Docker engine does not answer" in reply["reason"]
    bench.engine.away = False
    bench.becomes("READY")


def test_without_the_broker_it_is_not_ready_until_it_is_back(bench: Bench) -> None:
    bench.server.password = "another"
    bench.server.drop()
    bench.becomes("STARTING")
    bench.server.password = "secret"
    bench.becomes("READY")


def test_on_its_end_it_finishes_what_it_has_begun(server: StompServer, tmp_path: Path) -> None:
    bench = Bench(server, tmp_path)
    bench.ready()
    bench.engine.gate.clear()
    bench.deliver(command("stop"))
    eventually(lambda: bench.engine.calls, "the stop has begun", PATIENCE_S)
    bench.supervisor.stop()
    bench.deliver(command("kill"), 2)
    bench.engine.gate.set()
    bench.stop()
    assert bench.state == "EXITED"
    assert bench.acknowledged() == {"ack-1"}
    assert [call[0] for call in bench.engine.calls] == ["stop"]
