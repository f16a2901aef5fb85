"""Confirmed sends: what is not confirmed is sent again, in order, with the same message id."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from testbed.protocol.destinations import EPICTOPIC
from testbed.protocol.messages import Message
from testbed.protocol.publisher import Publisher, SendRefused
from tests.unit.stomp_server import PATIENCE_S, Frame, StompServer


@pytest.fixture
def publisher(server: StompServer) -> Iterator[Publisher]:
    made = Publisher(server.broker, "test")
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
    server: StompServer, publisher: Publisher
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
    server: StompServer, publisher: Publisher
) -> None:
    wanted = messages(5)
    publish(publisher, wanted)
    assert not publisher.flush(0.01)
    publisher.start()
    assert publisher.flush(PATIENCE_S)
    assert ids(server.of("SEND")) == ids(wanted)


def test_unconfirmed_messages_are_sent_again_in_order_with_the_same_ids(
    server: StompServer, publisher: Publisher
) -> None:
    server.silent.add("SEND")
    publisher.start()
    wanted = messages(5)
    publish(publisher, wanted)
    server.wait_for("SEND", 5)
    assert not publisher.flush(0.01)
    server.silent.clear()
    server.drop()
    assert publisher.flush(PATIENCE_S)
    assert ids(server.of("SEND", connection=1)) == ids(wanted)
    assert ids(server.of("SEND", connection=2)) == ids(wanted)


def test_confirmed_messages_are_not_sent_again(server: StompServer, publisher: Publisher) -> None:
    server.silent.add("SEND")
    publisher.start()
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
    server: StompServer, publisher: Publisher
) -> None:
    publisher.start()
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
    publisher = Publisher(server.broker, "test", window=2)
    server.silent.add("SEND")
    publisher.start()
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
    publisher = Publisher(server.broker, "test", window=1)
    publish(publisher, messages(1))
    thread = threading.Thread(target=publish, args=(publisher, messages(1)), daemon=True)
    thread.start()
    publisher.start()
    server.silent.add("SEND")
    publisher.stop(0)
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_message_that_the_broker_refuses_is_told_on_flushing(
    server: StompServer, publisher: Publisher
) -> None:
    server.refused.add("/queue/forbidden")
    publisher.start()
    publisher.publish("/queue/forbidden", Message(msg_type="x"))
    with pytest.raises(SendRefused, match="/queue/forbidden: User agent is not authorized"):
        publisher.flush(PATIENCE_S)


def test_a_refused_message_is_not_sent_again_and_holds_up_no_other(
    server: StompServer, publisher: Publisher
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


def test_nothing_to_confirm_is_confirmed_at_once(publisher: Publisher) -> None:
    assert publisher.flush(0)


def test_a_stop_waits_for_confirmations(server: StompServer, publisher: Publisher) -> None:
    publisher.start()
    publish(publisher, messages(10))
    publisher.stop()
    assert len(server.of("SEND")) == 10
    assert publisher.flush(0)


def test_a_stop_without_confirmation_is_told(
    server: StompServer, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    server.silent.add("SEND")
    publisher.start()
    publish(publisher, messages(2))
    server.wait_for("SEND", 2)
    with caplog.at_level(logging.ERROR):
        publisher.stop(0.01)
    assert "2 messages are not confirmed by the broker" in caplog.text


def test_what_is_published_together_is_one_transaction_with_one_confirmation(
    server: StompServer, publisher: Publisher
) -> None:
    publisher.start()
    assert publisher.link.wait_connected(PATIENCE_S)
    wanted = messages(5)
    with publisher.together():
        publish(publisher, wanted)
        assert server.of("SEND") == []
    assert publisher.flush(PATIENCE_S)
    (begin,), sent, (commit,) = (server.of(kind) for kind in ("BEGIN", "SEND", "COMMIT"))
    assert ids(sent) == ids(wanted)
    assert {frame.headers["transaction"] for frame in [begin, *sent, commit]} == {
        commit.headers["receipt"]
    }
    assert all("receipt" not in frame.headers for frame in sent)


def test_one_message_alone_needs_no_transaction(server: StompServer, publisher: Publisher) -> None:
    publisher.start()
    assert publisher.link.wait_connected(PATIENCE_S)
    with publisher.together():
        publish(publisher, messages(1))
    assert publisher.flush(PATIENCE_S)
    assert (len(server.of("SEND")), server.of("BEGIN")) == (1, [])


def test_nothing_is_sent_of_what_an_error_leaves(server: StompServer, publisher: Publisher) -> None:
    publisher.start()
    assert publisher.link.wait_connected(PATIENCE_S)

    def fail() -> None:
        with publisher.together():
            publish(publisher, messages(2))
            raise ValueError("the detector is broken")

    with pytest.raises(ValueError, match="the detector"):
        fail()
    publish(publisher, messages(1))
    assert publisher.flush(PATIENCE_S)
    assert len(server.of("SEND")) == 1


def test_a_transaction_that_is_not_confirmed_is_sent_again_message_by_message(
    server: StompServer, publisher: Publisher
) -> None:
    server.silent.add("COMMIT")
    publisher.start()
    assert publisher.link.wait_connected(PATIENCE_S)
    wanted = messages(3)
    with publisher.together():
        publish(publisher, wanted)
    server.wait_for("COMMIT")
    assert not publisher.flush(0.01)
    server.drop()
    assert publisher.flush(PATIENCE_S)
    sent = server.of("SEND")
    assert ids(sent) == ids(wanted) * 2
    assert all("receipt" in frame.headers for frame in sent[3:])


def test_of_a_transaction_that_the_broker_refuses_the_message_at_fault_is_named(
    server: StompServer, publisher: Publisher
) -> None:
    server.refused.add("/topic/secret")
    publisher.start()
    assert publisher.link.wait_connected(PATIENCE_S)
    with publisher.together():
        publish(publisher, messages(2))
        publisher.publish("/topic/secret", Message(msg_type="stf_gen"))
    with pytest.raises(SendRefused, match="/topic/secret: User agent is not authorized"):
        publisher.flush(PATIENCE_S)
    assert publisher.flush(PATIENCE_S)


def test_a_transaction_that_cannot_be_committed_is_sent_again_message_by_message(
    server: StompServer, publisher: Publisher
) -> None:
    server.silent.add("COMMIT")
    publisher.start()
    assert publisher.link.wait_connected(PATIENCE_S)
    with publisher.together():
        publish(publisher, messages(2))
    (commit,) = server.wait_for("COMMIT")
    server.complain("it is to be rolled back", receipt=commit.headers["receipt"])
    assert publisher.flush(PATIENCE_S)
    assert ["receipt" in frame.headers for frame in server.of("SEND")] == [False] * 2 + [True] * 2


def test_what_may_be_lost_is_sent_at_once(server: StompServer, publisher: Publisher) -> None:
    publisher.start()
    assert publisher.link.wait_connected(PATIENCE_S)
    with publisher.together():
        publish(publisher, messages(2))
        publisher.publish("/remote-temp-queue/1", Message(msg_type="done"), may_be_lost=True)
        server.wait_for("SEND")
    assert publisher.flush(PATIENCE_S)
    assert server.of("SEND")[0].destination == "/remote-temp-queue/1"
