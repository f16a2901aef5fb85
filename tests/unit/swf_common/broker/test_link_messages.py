"""What goes over a link: messages, acknowledgements, sends and their confirmation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swf_common.broker.connection import BrokerUnavailable
from swf_common.broker.stomp_connection import Connection
from tests.unit.stomp_server import PATIENCE_S, StompServer
from tests.unit.swf_common.broker.client import QUEUE, Client


def test_a_message_is_acknowledged_by_its_own_id(server: StompServer, client: Client) -> None:
    client.connect()
    server.deliver("one", ack="ack-1")
    server.deliver("two", ack="ack-2")
    one, two = client.message(), client.message()
    assert client.link.ack(two)
    assert client.link.nack(one)
    assert [frame.headers["id"] for frame in server.wait_for("ACK")] == ["ack-2"]
    assert [frame.headers["id"] for frame in server.wait_for("NACK")] == ["ack-1"]


def test_a_delivery_of_an_earlier_connection_is_not_acknowledged(
    server: StompServer, client: Client
) -> None:
    client.connect()
    server.deliver("one", ack="ack-1")
    earlier = client.message()
    server.drop()
    assert [client.state(), client.state()] == [False, True]
    assert not client.link.ack(earlier)
    assert not client.link.nack(earlier)
    server.deliver("one", ack="ack-9", redelivered="true")
    again = client.message()
    assert again.headers["redelivered"] == "true"
    assert client.link.ack(again)
    assert [frame.headers["id"] for frame in server.wait_for("ACK")] == ["ack-9"]
    assert server.of("NACK") == []


def test_a_delivery_cannot_be_acknowledged_while_the_connection_is_down(
    server: StompServer, client: Client
) -> None:
    client.connect()
    server.deliver("one")
    delivery = client.message()
    client.link.stop()
    assert not client.link.ack(delivery)


def test_a_mistake_in_taking_a_message_does_not_end_the_connection(
    server: StompServer, client: Client
) -> None:
    client.connect()
    server.deliver("poison")
    server.deliver("wholesome")
    assert client.message().body == "wholesome"
    assert client.link.connected


def test_receipts_and_refusals_of_sends_are_passed_on(server: StompServer, client: Client) -> None:
    client.connect()
    client.link.send("/topic/epictopic", "body", {"receipt": "send-1"})
    assert client.receipts.get(timeout=PATIENCE_S) == "send-1"
    server.refused.add("/queue/forbidden")
    client.link.send("/queue/forbidden", "body", {"receipt": "send-2"})
    receipt, reason = client.refused.get(timeout=PATIENCE_S)
    assert (receipt, "not authorized" in reason) == ("send-2", True)
    assert client.link.connected


@pytest.mark.parametrize("verb", ["send", "ack"])
def test_what_breaks_within_the_library_counts_as_a_lost_connection(
    server: StompServer, client: Client, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def breaking(*arguments: Any, **options: Any) -> None:
        raise AttributeError("'NoneType' object has no attribute 'sendall'")

    client.connect()
    server.deliver("one")
    delivery = client.message()
    monkeypatch.setattr(Connection, verb, breaking)
    if verb == "ack":
        assert not client.link.ack(delivery)
    else:
        with pytest.raises(BrokerUnavailable):
            client.link.send(QUEUE, "body", {})
    assert (client.state(), client.state()) == (False, True)
    assert server.of("DISCONNECT") == []


def test_nothing_can_be_sent_before_the_link_is_connected(client: Client) -> None:
    with pytest.raises(BrokerUnavailable, match="not connected yet"):
        client.link.send("/topic/epictopic", "body", {})


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_no_frame_is_lost_behind_heart_beats_that_were_read_at_once(
    server: StompServer, client: Client, count: int
) -> None:
    """As after a pause of the process: stomp.py took two of them for the end of the headers."""
    client.connect()
    for number in range(3):
        server.heart_beats(count)
        server.deliver(f'{{"number": {number},\n\n"lines": 2}}', ack=f"ack-{number}")
        assert json.loads(client.message().body) == {"number": number, "lines": 2}
    server.heart_beats(count)
    client.link.send("/topic/epictopic", "{}", {"receipt": "r-1"})
    assert client.receipts.get(timeout=PATIENCE_S) == "r-1"


def test_heart_beats_in_pieces_are_no_frames(server: StompServer, client: Client) -> None:
    client.connect()
    body = "a" * 200_000 + "\n\n" + "b" * 200_000
    server.heart_beats(2)
    server.deliver(body, ack="ack-1", content_length=str(len(body)))
    server.deliver("next", ack="ack-2")
    assert client.message().body == body
    assert client.message().body == "next"
