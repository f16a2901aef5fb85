"""The live stream on a real stack: what is recorded reaches every client once, and in order."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from swf_common.broker.connection import BrokerLink
from swf_common.protocol.destinations import EPICTOPIC
from tests.rest import Api, log_record
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

STREAM = "messages/stream/"
numbers = count(1)


class Event:
    """One event of the stream, as it came over the wire."""

    def __init__(self, text: str) -> None:
        fields = dict(line.split(": ", 1) for line in text.split("\n"))
        assert set(fields) <= {"id", "event", "data"}, text
        self.id = fields.get("id")
        self.name = fields["event"]
        self.data: dict[str, Any] = json.loads(fields["data"])


class Listener:
    """A client of the stream in the background; use it in a `with`.

    :param last: goes as `Last-Event-ID`
    """

    def __init__(self, viewer: Api, last: str | None = None, **parameters: str) -> None:
        headers = {} if last is None else {"Last-Event-ID": last}
        self.events: list[Event] = []
        self.response = viewer.request(
            "GET", STREAM, params=parameters, headers=headers, stream=True
        )
        assert self.response.status_code == 200, self.response.text
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Listener:
        eventually(lambda: self.events, "the stream says that it is connected")
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Cut the connection off, as a network does."""
        raw = self.response.raw
        connection = getattr(raw, "_original_response", None) or raw
        sock = getattr(getattr(connection, "fp", None), "raw", None)
        if sock is not None and getattr(sock, "_sock", None) is not None:
            sock._sock.shutdown(2)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.response.close()

    def _read(self) -> None:
        rest = b""
        try:
            for chunk in self.response.iter_content(chunk_size=None):
                *whole, rest = (rest + chunk).split(b"\n\n")
                self.events += [Event(text.decode()) for text in whole]
        except (requests.RequestException, OSError):
            return

    def of(self, execution: str) -> list[dict[str, Any]]:
        """What came of one execution."""
        return [one.data for one in list(self.events) if one.data.get("execution_id") == execution]

    def kinds(self, execution: str) -> list[str]:
        """The types of the messages of one execution that came."""
        return [data["msg_type"] for data in self.of(execution)]

    def last_id(self) -> str:
        """The id of the newest event that has one."""
        return next(one.id for one in reversed(self.events) if one.id is not None)


def send(stack: TestbedStack, link: BrokerLink, **fields: Any) -> None:
    body = {
        "msg_type": "announcement",
        "message_id": str(uuid4()),
        "namespace": stack.namespace,
        "sender": "test",
        "timestamp": "2026-01-01T00:00:00",
        **fields,
    }
    link.send(EPICTOPIC, json.dumps(body), {"persistent": "true"})


def send_numbered(
    stack: TestbedStack, sender: BrokerLink, execution: str, wanted: range, **fields: Any
) -> None:
    for number in wanted:
        send(stack, sender, execution_id=execution, number=number, **fields)


def numbers_in(events: list[dict[str, Any]]) -> list[int]:
    return [data["number"] for data in events if "number" in data]


def recorded(viewer: Api, execution: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = viewer.get("workflow-messages/", execution_id=execution)
    return rows


def clients(viewer: Api) -> Any:
    return viewer.get("messages/stream/status/")


def test_the_stream_first_says_that_it_is_connected(viewer: Api) -> None:
    with Listener(viewer) as listener:
        first = listener.events[0]
        assert first.name == "connected"
        assert first.data["status"] == "connected"
        assert first.id is None
        assert listener.response.headers["Content-Type"].startswith("text/event-stream")
        assert "no-cache" in listener.response.headers["Cache-Control"]


def test_a_message_arrives_with_its_whole_content(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    execution = f"whole-{uuid4()}"
    with Listener(viewer) as listener:
        send(stack, sender, execution_id=execution, msg_type="odd\n\nevent: x", extra={"a": ["é"]})
        (data,) = eventually(lambda: listener.of(execution), "the message is streamed")
        (row,) = recorded(viewer, execution)
        assert data["extra"] == {"a": ["é"]}
        assert data["msg_type"] == "odd\n\nevent: x"
        assert (data["message_id"], data["sender_agent"]) == (row["message_id"], "test")
        assert data["namespace"] == stack.namespace
        event = next(one for one in listener.events if one.data is data)
        assert event.id is not None
        assert (event.name, event.id.split("-")[0]) == ("odd??event: x", str(row["id"]))


def test_the_status_lists_who_listens_and_what_they_want(viewer: Api) -> None:
    with Listener(viewer, kinds="agent,log", agents="somebody") as listener:
        key = listener.events[0].data["client_id"]
        eventually(lambda: key in clients(viewer)["client_ids"], "the client is listed")
        status = clients(viewer)
        assert status["following"] is True
        assert status["connected_clients"] == len(status["client_ids"])
        assert status["client_filters"][key] == {"kinds": ["agent", "log"], "agents": ["somebody"]}
    eventually(lambda: key not in clients(viewer)["client_ids"], "the client is forgotten")


LAST = "the-last-one"
"""The type of a message that ends what a test sends."""


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"msg_types": "red,blue,{last}"}, ["red", "red", "blue"]),
        ({"agents": "one,nobody"}, ["red", "green"]),
        ({"run_ids": "{run}"}, ["red", "green"]),
        ({"run_ids": "{run},{other_run}", "msg_types": "red,{last}"}, ["red", "red"]),
        ({"namespace": "{namespace}"}, ["red", "red", "blue", "green"]),
        ({"namespace": "another"}, []),
        ({"execution_id": "{execution}"}, ["red", "red", "blue", "green"]),
        ({"execution_id": "{execution}x"}, []),
        ({"kinds": "message,agent"}, ["red", "red", "blue", "green"]),
        ({"kinds": "log"}, []),
        ({"agents": "one", "msg_types": "green"}, ["green"]),
    ],
    ids=lambda value: "&".join(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("missed", [False, True], ids=["live", "missed"])
def test_a_filter_lets_through_what_it_names_and_nothing_else(
    stack: TestbedStack,
    sender: BrokerLink,
    viewer: Api,
    parameters: dict[str, str],
    expected: list[str],
    missed: bool,
) -> None:
    execution, run = f"filter-{uuid4()}", 700_000 + 2 * next(numbers)
    values = {
        "run": run,
        "other_run": run + 1,
        "namespace": stack.namespace,
        "execution": execution,
        "last": LAST,
    }
    wanted = {name: text.format(**values) for name, text in parameters.items()}

    def send_all() -> None:
        for kind, agent, number in (
            ("red", "one", run),
            ("red", "two", run + 1),
            ("blue", "two", str(run + 1)),
            ("green", "one", str(run)),
        ):
            send(stack, sender, execution_id=execution, msg_type=kind, sender=agent, run_id=number)
        send(stack, sender, execution_id=execution, msg_type=LAST, sender="last", run_id=1)

    with Listener(viewer, execution_id=execution) as everything, ExitStack() as on_exit:
        start = viewer.get("workflow-messages/", limit=1)["results"][0]["id"]
        if missed:
            send_all()
            eventually(lambda: LAST in everything.kinds(execution), "all messages are streamed")
            listener = on_exit.enter_context(Listener(viewer, last=str(start), **wanted))
        else:
            listener = on_exit.enter_context(Listener(viewer, **wanted))
            key = listener.events[0].data["client_id"]
            eventually(lambda: key in clients(viewer)["client_ids"], "the client has joined")
            send_all()
            eventually(lambda: LAST in everything.kinds(execution), "all messages are streamed")
        # what is not wanted cannot be waited for: another client's event is in the same batch
        eventually(lambda: len(_coloured(listener, execution)) >= len(expected), "what is wanted")
        key = listener.events[0].data["client_id"]
        eventually(lambda: key in clients(viewer)["client_ids"], "the client is level")
        assert _coloured(listener, execution) == expected


def _coloured(listener: Listener, execution: str) -> list[str]:
    return [kind for kind in listener.kinds(execution) if kind != LAST]


def test_who_was_cut_off_and_comes_back_misses_nothing_and_gets_nothing_twice(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    execution = f"cut-{uuid4()}"
    with Listener(viewer, execution_id=execution) as first:
        send_numbered(stack, sender, execution, range(50))
        eventually(lambda: len(first.of(execution)) >= 20, "some are streamed")
        first.cut()
    got = numbers_in(first.of(execution))
    send_numbered(stack, sender, execution, range(50, 1300))
    eventually(
        lambda: (
            viewer.get("workflow-messages/", execution_id=execution, limit=1)["results"][0][
                "message_content"
            ]["number"]
            >= 700
        ),
        "more than a page is recorded",
        60,
    )
    with Listener(viewer, last=first.last_id(), execution_id=execution) as second:
        send_numbered(stack, sender, execution, range(1300, 1400))
        eventually(lambda: 1399 in numbers_in(second.of(execution)), "the last is streamed", 60)
        send(stack, sender, execution_id=execution, number=1400)
        eventually(lambda: 1400 in numbers_in(second.of(execution)), "one more is streamed")
    assert got + numbers_in(second.of(execution)) == list(range(1401))


def test_every_id_continues_the_stream_after_its_event(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    execution = f"ids-{uuid4()}"
    with Listener(viewer, execution_id=execution) as first:
        send_numbered(stack, sender, execution, range(6))
        eventually(lambda: len(first.of(execution)) == 6, "all are streamed")
    for event in first.events:
        if event.name == "connected":
            continue
        with Listener(viewer, last=event.id, execution_id=execution) as again:
            left = list(range(event.data["number"] + 1, 6))
            eventually(lambda: len(again.of(execution)) >= len(left), "the rest is streamed")  # noqa: B023
            assert numbers_in(again.of(execution)) == left


def test_thirty_clients_get_every_message_once_and_in_order(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    execution = f"many-{uuid4()}"
    with ExitStack() as on_exit:
        listeners = [
            on_exit.enter_context(Listener(viewer, execution_id=execution)) for _ in range(30)
        ]
        own = {listener.events[0].data["client_id"] for listener in listeners}
        eventually(lambda: own <= set(clients(viewer)["client_ids"]), "all have joined")
        send_numbered(stack, sender, execution, range(300))
        for listener in listeners:
            eventually(
                lambda: len(listener.of(execution)) >= 300,  # noqa: B023
                "all messages are streamed",
                60,
            )
        for listener in listeners:
            assert numbers_in(listener.of(execution)) == list(range(300))


def test_a_change_of_an_agents_state_is_streamed_with_an_id(agent: Api, viewer: Api) -> None:
    name = f"streamed-{uuid4()}"
    with Listener(viewer, kinds="agent", agents=name) as listener:
        key = listener.events[0].data["client_id"]
        eventually(lambda: key in clients(viewer)["client_ids"], "the client has joined")
        for state in ("STARTING", "READY", "READY", "PROCESSING"):
            body = {"instance_name": name, "operational_state": state, "status": "OK"}
            assert agent.post("systemagents/heartbeat/", body).status_code in (200, 201)
        changes = eventually(
            lambda: [one for one in listener.events if one.name == "agent"][2:], "the changes"
        )
        changes = [one for one in listener.events if one.name == "agent"]
        states = [one.data["operational_state"] for one in changes]
        assert states == ["STARTING", "READY", "PROCESSING"]
        assert all(one.id is not None and one.data["instance_name"] == name for one in changes)
    with Listener(viewer, last=changes[0].id, kinds="agent", agents=name) as again:
        eventually(lambda: len(again.events) >= 3, "the rest is streamed")
        states = [one.data["operational_state"] for one in again.events[1:]]
        assert states == ["READY", "PROCESSING"]


def test_a_log_record_is_streamed_with_an_id(agent: Api, viewer: Api) -> None:
    name = f"logging-{uuid4()}"
    record = log_record(
        instance_name=name,
        level=40,
        levelname="ERROR",
        message="one\n\ntwo",
        extra_data={"run_id": 7},
    )
    with Listener(viewer, kinds="log", agents=name, run_ids="7") as listener:
        key = listener.events[0].data["client_id"]
        eventually(lambda: key in clients(viewer)["client_ids"], "the client has joined")
        assert agent.post("logs/", record).status_code == 201
        eventually(lambda: len(listener.events) > 1, "the record is streamed")
        event = listener.events[1]
        assert (event.name, event.data["message"]) == ("log", "one\n\ntwo")
        assert (event.data["levelname"], event.data["run_id"]) == ("ERROR", "7")
        assert event.id is not None


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"msg_type": "x"}, "msg_type"),
        ({"limit": "3"}, "limit"),
        ({"kinds": "massage"}, "kinds"),
        ({"agents": "a\0b"}, "agents"),
    ],
)
def test_a_parameter_that_cannot_filter_is_named(
    viewer: Api, parameters: dict[str, str], named: str
) -> None:
    answer = viewer.request("GET", STREAM, params=parameters, stream=True)
    with answer:
        assert answer.status_code == 400
        assert list(answer.json()) == [named]


@pytest.mark.parametrize("last", ["x", "1-2", "-1", "1" * 40])
def test_an_id_that_is_none_is_refused(viewer: Api, last: str) -> None:
    answer = viewer.request("GET", STREAM, headers={"Last-Event-ID": last}, stream=True)
    with answer:
        assert answer.status_code == 400
        assert list(answer.json()) == ["Last-Event-ID"]


def test_the_stream_needs_a_token_that_opens_something(nobody: Api) -> None:
    for headers in ({}, {"Authorization": "Token wrong"}, {"Authorization": "Token"}):
        answer = nobody.request("GET", STREAM, headers=headers, stream=True)
        with answer:
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_the_stream_is_only_read(operator: Api, method: str) -> None:
    answer = operator.request(method, STREAM)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"


def test_the_status_needs_a_token(nobody: Api) -> None:
    assert nobody.request("GET", "messages/stream/status/").status_code == 401
