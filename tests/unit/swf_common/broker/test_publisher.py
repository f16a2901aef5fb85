"""Confirmed sends: what is not confirmed is sent again, in order, with the same message id."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from swf_common.broker.publisher import Publisher, SendRefused
from swf_common.protocol.destinations import EPICTOPIC
from swf_common.protocol.message import Message
from tests.unit.stomp_server import PATIENCE_S, Frame, StompServer


class Sender(Publisher):
    """A publisher whose connection can be waited for."""

    def __init__(self, server: StompServer, **options: Any) -> None:
        self._stands = threading.Event()
        super().__init__(
            server.broker,
            "test",
            on_state=lambda up: self._stands.set() if up else self._stands.clear(),
            **options,
        )

    def begin(self) -> None:
        """Start, and wait for the connection."""
        self.start()
        assert self._stands.wait(PATIENCE_S)


@pytest.fixture
def publisher(server: StompServer) -> Iterator[Sender]:
    made = Sender(server)
    yield made
    server.silent.clear()
    made.stop(0.1)


def messages(count: int) -> list[Message]:
    return [Message(msg_type="stf_gen", run_id=f"{number}") for number in range(1, count + 1)]


def publish(publisher: Publisher, wanted: list[Message]) -> None:
    for message in wanted:
        publisher.publish(EPICTOPIC, message)


def ids(of: list[Message] | list[Frame]) -> list[str]:
    """Message ids, as text."""
    return [
        str(one.message_id) if isinstance(one, Message) else json.loads(one.body)["message_id"]
        for one in of
    ]


def test_a_message_is_sent_with_its_headers_and_confirmed(
    server: StompServer, publisher: Sender
) -> None:
    publisher.start()
    message = Message(msg_type="stf_gen", namespace="torre1", execution_id="e-1", run_id="7")
    publisher.publish(EPICTOPIC, message, {"correlation-id": "c"})
    assert publisher.flush(PATIENCE_S)
    (frame,) = server.of("SEND")
    assert frame.destination == EPICTOPIC
    assert frame.body == message.body()
    expected = {
        "persistent": "true",
        "msg_type": "stf_gen",
        "namespace": "torre1",
        "execution_id": "e-1",
        "run_id": "7",
        "correlation-id": "c",
    }
    assert {name: frame.headers[name] for name in expected} == expected


def test_what_is_published_before_the_connection_is_sent_once_it_stands(
    server: StompServer, publisher: Sender
) -> None:
    wanted = messages(5)
    publish(publisher, wanted)
    assert not publisher.flush(0.01)
    publisher.start()
    assert publisher.flush(PATIENCE_S)
    assert ids(server.of("SEND")) == ids(wanted)


def test_unconfirmed_messages_are_sent_again_in_order_with_the_same_ids(
    server: StompServer, publisher: Sender
) -> None:
    server.silent.add("SEND")
    publisher.begin()
    wanted = messages(5)
    publish(publisher, wanted)
    server.wait_for("SEND", 5)
    assert not publisher.flush(0.01)
    server.silent.clear()
    server.drop()
    assert publisher.flush(PATIENCE_S)
    assert ids(server.of("SEND", connection=1)) == ids(wanted)
    assert ids(server.of("SEND", connection=2)) == ids(wanted)


def test_confirmed_messages_are_not_sent_again(server: StompServer, publisher: Sender) -> None:
    server.silent.add("SEND")
    publisher.begin()
    wanted = messages(4)
    publish(publisher, wanted)
    frames = server.wait_for("SEND", 4)
    for frame in (frames[0], frames[2]):
        server.confirm(frame)
    server.silent.clear()
    server.drop()
    assert publisher.flush(PATIENCE_S)
    assert ids(server.of("SEND", connection=2)) == [ids(wanted)[1], ids(wanted)[3]]


def test_the_order_of_calls_is_kept_over_reconnections(
    server: StompServer, publisher: Sender
) -> None:
    publisher.begin()
    wanted = messages(60)
    publish(publisher, wanted[:20])
    server.wait_for("SEND", 10)
    server.drop()
    publish(publisher, wanted[20:40])
    server.wait_for("STOMP", 2)
    publish(publisher, wanted[40:])
    assert publisher.flush(PATIENCE_S)
    first_seen = list(dict.fromkeys(ids(server.of("SEND"))))
    assert first_seen == ids(wanted)
    for connection in (1, 2):
        numbers = [int(json.loads(frame.body)["run_id"]) for frame in server.of("SEND", connection)]
        assert all(before < after for before, after in pairwise(numbers))


def test_a_full_window_makes_the_sender_wait(server: StompServer) -> None:
    publisher = Sender(server, window=2)
    server.silent.add("SEND")
    publisher.begin()
    wanted = messages(3)
    publish(publisher, wanted[:2])
    frames = server.wait_for("SEND", 2)
    through = threading.Event()

    def third() -> None:
        publisher.publish(EPICTOPIC, wanted[2])
        through.set()

    thread = threading.Thread(target=third, daemon=True)
    thread.start()
    assert not through.wait(0.05)
    server.confirm(frames[0])
    assert through.wait(PATIENCE_S)
    thread.join(PATIENCE_S)
    assert ids(server.wait_for("SEND", 3)) == ids(wanted)
    publisher.stop(0)


def test_a_stop_sets_a_waiting_sender_free(server: StompServer) -> None:
    publisher = Sender(server, window=1)
    publish(publisher, messages(1))
    thread = threading.Thread(target=publish, args=(publisher, messages(1)), daemon=True)
    thread.start()
    publisher.start()
    server.silent.add("SEND")
    publisher.stop(0)
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_message_that_the_broker_refuses_is_told_on_flushing(
    server: StompServer, publisher: Sender
) -> None:
    server.refused.add("/queue/forbidden")
    publisher.begin()
    publisher.publish("/queue/forbidden", Message(msg_type="x"))
    with pytest.raises(SendRefused, match="/queue/forbidden: User agent is not authorized"):
        publisher.flush(PATIENCE_S)


def test_a_refused_message_is_not_sent_again_and_holds_up_no_other(
    server: StompServer, publisher: Sender
) -> None:
    server.refused.add("/queue/forbidden")
    publisher.start()
    publisher.publish("/queue/forbidden", Message(msg_type="x"))
    with pytest.raises(SendRefused):
        publisher.flush(PATIENCE_S)
    publish(publisher, messages(2))
    assert publisher.flush(PATIENCE_S)
    server.drop()
    publish(publisher, messages(1))
    assert publisher.flush(PATIENCE_S)
    assert [frame.destination for frame in server.of("SEND", connection=2)] == [EPICTOPIC]


def test_nothing_to_confirm_is_confirmed_at_once(publisher: Sender) -> None:
    assert publisher.flush(0)


def test_a_stop_waits_for_confirmations(server: StompServer, publisher: Sender) -> None:
    publisher.start()
    publish(publisher, messages(10))
    publisher.stop()
    assert len(server.of("SEND")) == 10
    assert publisher.flush(0)


def test_a_stop_without_confirmation_is_told(
    server: StompServer, publisher: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    server.silent.add("SEND")
    publisher.begin()
    publish(publisher, messages(2))
    server.wait_for("SEND", 2)
    with caplog.at_level(logging.ERROR):
        publisher.stop(0.01)
    assert "2 messages are not confirmed by the broker" in caplog.text


def test_what_is_published_together_is_one_transaction_with_one_confirmation(
    server: StompServer, publisher: Sender
) -> None:
    publisher.begin()
    wanted = messages(5)
    with publisher.transaction():
        publish(publisher, wanted)
        assert server.of("SEND") == []
    assert publisher.flush(PATIENCE_S)
    (begin,), sent, (commit,) = (server.of(kind) for kind in ("BEGIN", "SEND", "COMMIT"))
    assert ids(sent) == ids(wanted)
    assert {frame.headers["transaction"] for frame in [begin, *sent, commit]} == {
        commit.headers["receipt"]
    }
    assert all("receipt" not in frame.headers for frame in sent)


def test_one_message_alone_needs_no_transaction(server: StompServer, publisher: Sender) -> None:
    publisher.begin()
    with publisher.transaction():
        publish(publisher, messages(1))
    assert publisher.flush(PATIENCE_S)
    assert (len(server.of("SEND")), server.of("BEGIN")) == (1, [])


def test_nothing_is_sent_of_what_an_error_leaves(server: StompServer, publisher: Sender) -> None:
    publisher.begin()

    def fail() -> None:
        with publisher.transaction():
            publish(publisher, messages(2))
            raise ValueError("the detector is broken")

    with pytest.raises(ValueError, match="the detector"):
        fail()
    publish(publisher, messages(1))
    assert publisher.flush(PATIENCE_S)
    assert len(server.of("SEND")) == 1


def test_a_transaction_that_is_not_confirmed_is_sent_again_as_one(
    server: StompServer, publisher: Sender
) -> None:
    server.silent.add("COMMIT")
    publisher.begin()
    wanted = messages(3)
    with publisher.transaction():
        publish(publisher, wanted)
    server.wait_for("COMMIT")
    assert not publisher.flush(0.01)
    server.silent.clear()
    server.drop()
    assert publisher.flush(PATIENCE_S)
    assert ids(server.of("SEND")) == ids(wanted) * 2
    assert (len(server.of("BEGIN", 2)), len(server.of("COMMIT", 2))) == (1, 1)


def test_a_transaction_is_no_larger_than_the_window(server: StompServer) -> None:
    publisher = Sender(server, window=4)
    publisher.begin()
    wanted = messages(10)
    with publisher.transaction():
        publish(publisher, wanted)
    assert publisher.flush(PATIENCE_S)
    assert ids(server.of("SEND")) == ids(wanted)
    assert [frame.command for frame in server.frames if frame.command != "STOMP"] == [
        *(["BEGIN", *["SEND"] * 4, "COMMIT"] * 2),
        *("BEGIN", "SEND", "SEND", "COMMIT"),
    ]
    publisher.stop()


def test_a_transaction_waits_for_room_for_all_of_it(server: StompServer) -> None:
    publisher = Sender(server, window=4)
    server.silent.add("SEND")
    publisher.begin()
    publish(publisher, messages(2))
    sent = server.wait_for("SEND", 2)
    through = threading.Event()

    def three_more() -> None:
        with publisher.transaction():
            publish(publisher, messages(3))
        through.set()

    threading.Thread(target=three_more, daemon=True).start()
    assert not through.wait(0.05)
    assert server.of("BEGIN") == []
    server.confirm(sent[0])
    assert through.wait(PATIENCE_S)
    server.wait_for("COMMIT")
    server.confirm(sent[1])
    publisher.stop()


def test_after_an_error_that_names_no_message_each_is_sent_by_itself(
    server: StompServer, publisher: Sender
) -> None:
    server.silent.add("COMMIT")
    publisher.begin()
    with publisher.transaction():
        publish(publisher, messages(2))
    server.wait_for("COMMIT")
    server.complain("one of these is not liked")
    assert publisher.flush(PATIENCE_S)
    assert server.of("BEGIN", connection=2) == []
    assert len(server.of("SEND", connection=2)) == 2


def large(count: int) -> list[Message]:
    """Messages that fill every buffer between here and a server that does not read."""
    return [Message(msg_type="stf_gen", text="x" * 200_000) for _ in range(count)]  # type: ignore[call-arg]


def test_a_server_that_stops_reading_is_a_lost_connection(server: StompServer) -> None:
    publisher = Sender(server, send_timeout=0.2)
    publisher.begin()
    server.reading.clear()
    wanted = large(100)
    with publisher.transaction():
        publish(publisher, wanted)
    server.wait_for("STOMP", 2)
    server.reading.set()
    assert publisher.flush(PATIENCE_S)
    assert ids(server.of("SEND", connection=2)) == ids(wanted)
    publisher.stop()


def test_a_server_that_stops_reading_holds_up_neither_a_flush_nor_a_stop(
    server: StompServer,
) -> None:
    publisher = Sender(server, send_timeout=PATIENCE_S)
    publisher.begin()
    server.reading.clear()
    with publisher.transaction():
        publish(publisher, large(100))
    began = time.monotonic()
    assert not publisher.flush(0.05)
    publish(publisher, messages(1))
    publisher.stop(0.05)
    assert time.monotonic() - began < PATIENCE_S / 2
    assert not publisher.flush(0)


def test_in_a_hurry_a_flush_gives_up_early(server: StompServer, publisher: Sender) -> None:
    server.silent.add("SEND")
    publisher.begin()
    publish(publisher, messages(1))
    outcome: list[bool] = []

    def flush() -> None:
        publish(publisher, messages(1))
        outcome.append(publisher.flush(60))

    thread = threading.Thread(target=flush, daemon=True)
    thread.start()
    server.wait_for("SEND", 2)
    publisher.limit_waiting(0.05)
    thread.join(PATIENCE_S)
    assert outcome == [False]


def test_in_a_hurry_what_finds_no_room_is_not_sent_and_flush_tells_so(
    server: StompServer,
) -> None:
    publisher = Sender(server, window=2)
    server.silent.add("SEND")
    publisher.begin()
    publish(publisher, messages(2))
    sent = server.wait_for("SEND", 2)
    publisher.limit_waiting(0.05)
    publish(publisher, messages(2))
    for frame in sent:
        server.confirm(frame)
    publisher.stop()
    assert not publisher.flush(0)
    assert len(server.of("SEND")) == 2


def test_in_a_hurry_a_broker_that_answers_is_waited_for(
    server: StompServer, publisher: Sender
) -> None:
    publisher.begin()
    publisher.limit_waiting(PATIENCE_S)
    publish(publisher, messages(3))
    assert publisher.flush(PATIENCE_S)


def test_of_a_transaction_that_the_broker_refuses_the_message_at_fault_is_named(
    server: StompServer, publisher: Sender
) -> None:
    server.refused.add("/topic/secret")
    publisher.begin()
    with publisher.transaction():
        publish(publisher, messages(2))
        publisher.publish("/topic/secret", Message(msg_type="stf_gen"))
    with pytest.raises(SendRefused, match="/topic/secret: User agent is not authorized"):
        publisher.flush(PATIENCE_S)
    assert publisher.flush(PATIENCE_S)


def test_a_transaction_that_cannot_be_committed_is_sent_again_message_by_message(
    server: StompServer, publisher: Sender
) -> None:
    server.silent.add("COMMIT")
    publisher.begin()
    with publisher.transaction():
        publish(publisher, messages(2))
    (commit,) = server.wait_for("COMMIT")
    server.complain("it is to be rolled back", receipt=commit.headers["receipt"])
    assert publisher.flush(PATIENCE_S)
    assert ["receipt" in frame.headers for frame in server.of("SEND")] == [False] * 2 + [True] * 2


def test_what_may_be_lost_is_sent_at_once(server: StompServer, publisher: Sender) -> None:
    publisher.begin()
    with publisher.transaction():
        publish(publisher, messages(2))
        publisher.publish("/remote-temp-queue/1", Message(msg_type="done"), best_effort=True)
        server.wait_for("SEND")
    assert publisher.flush(PATIENCE_S)
    assert server.of("SEND")[0].destination == "/remote-temp-queue/1"
