"""The connection to the broker, against a STOMP server in this process."""

from __future__ import annotations

from typing import Any

import pytest

from swf_common.broker import connection as link_module
from swf_common.broker.connection import BrokerUnavailable
from swf_common.broker.model import Broker, Subscription
from swf_common.broker.stomp_connection import Connection
from tests.unit.stomp_server import PATIENCE_S, StompServer
from tests.unit.swf_common.broker.client import QUEUE, Client


def test_a_link_is_connected_only_when_its_subscription_is_confirmed(
    server: StompServer, client: Client
) -> None:
    server.silent.add("SUBSCRIBE")
    client.link.start()
    (frame,) = server.wait_for("SUBSCRIBE")
    assert not client.link.connected
    assert client.states.empty()
    server.confirm(frame)
    assert client.link.wait_connected(PATIENCE_S)
    assert client.state()


def test_every_subscription_has_to_be_confirmed(server: StompServer) -> None:
    server.silent.add("SUBSCRIBE")
    client = Client(server.broker, Subscription("/queue/one"), Subscription("/queue/two"))
    client.link.start()
    one, two = server.wait_for("SUBSCRIBE", 2)
    server.confirm(two)
    assert not client.link.wait_connected(0.05)
    server.confirm(one)
    assert client.link.wait_connected(PATIENCE_S)
    client.link.stop()


def test_a_subscription_says_what_it_wants(server: StompServer) -> None:
    wanted = Subscription(QUEUE, prefetch=7, selector="namespace = 'torre1'", ack="client")
    client = Client(server.broker, wanted)
    client.connect()
    (frame,) = server.of("SUBSCRIBE")
    assert frame.destination == QUEUE
    assert frame.headers["ack"] == "client"
    assert frame.headers["activemq.prefetchSize"] == "7"
    assert frame.headers["selector"] == "namespace = 'torre1'"
    client.link.stop()


def test_heart_beats_are_asked_for_both_ways(server: StompServer, client: Client) -> None:
    client.connect()
    (login,) = server.of("STOMP")
    assert login.headers["heart-beat"] == "5000,5000"


def test_a_wrong_password_is_told(server: StompServer, client: Client) -> None:
    server.password = "another"
    client.link.start()
    server.wait_for("STOMP", 2)
    assert client.link.last_error == "User name [agent] or password is invalid."
    assert not client.link.connected
    with pytest.raises(BrokerUnavailable, match="password is invalid"):
        client.link.send(QUEUE, "body", {})


def test_a_login_that_works_later_connects(server: StompServer, client: Client) -> None:
    server.password = "another"
    client.link.start()
    server.wait_for("STOMP")
    server.password = "secret"
    assert client.link.wait_connected(PATIENCE_S)


def test_the_password_stays_out_of_what_is_shown() -> None:
    assert "s3cret" not in repr(Broker("activemq", 61613, "agent", "s3cret"))


def test_a_broker_that_is_not_there_is_told_and_tried_again() -> None:
    gone = StompServer()
    broker = gone.broker
    gone.stop()
    client = Client(broker)
    client.link.start()
    assert client.state() is False
    assert client.state() is False
    assert client.link.last_error not in ("", "not connected yet")
    client.link.stop()


def test_a_lost_connection_is_built_anew_with_its_subscription(
    server: StompServer, client: Client
) -> None:
    client.connect()
    server.drop()
    assert [client.state(), client.state()] == [False, True]
    assert [frame.connection for frame in server.of("SUBSCRIBE")] == [1, 2]
    server.deliver("after the loss")
    assert client.message().body == "after the loss"


def test_a_link_survives_many_losses(server: StompServer, client: Client) -> None:
    client.connect()
    for _ in range(2):
        server.drop()
        assert [client.state(), client.state()] == [False, True]


def test_an_error_that_belongs_to_no_frame_means_a_new_connection(
    server: StompServer, client: Client
) -> None:
    client.connect()
    server.complain("The broker is being stopped")
    assert client.state() is False
    assert client.link.last_error == "The broker is being stopped"
    assert client.state() is True


def test_a_refused_subscription_is_told_and_does_not_count_as_connected(
    server: StompServer, client: Client
) -> None:
    server.refused.add(QUEUE)
    client.link.start()
    assert client.state() is False
    assert "not authorized" in client.link.last_error
    assert not client.link.connected
    server.refused.clear()
    assert client.state() is True


@pytest.mark.parametrize(
    ("command", "what"), [("STOMP", "the login"), ("SUBSCRIBE", "the subscriptions")]
)
def test_a_broker_that_says_nothing_is_left(
    server: StompServer, client: Client, monkeypatch: pytest.MonkeyPatch, command: str, what: str
) -> None:
    monkeypatch.setattr(link_module, "CONNECT_TIMEOUT_S", 0.1)
    server.silent.add(command)
    client.link.start()
    assert client.state() is False
    assert f"did not confirm {what}" in client.link.last_error
    server.silent.clear()
    assert client.state() is True


def test_a_connection_that_breaks_within_the_library_is_built_anew(
    server: StompServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """stomp.py forgets its socket on one thread while another one is about to use it."""
    subscribe = Connection.subscribe
    failures = [AttributeError("'NoneType' object has no attribute 'sendall'")]

    def breaking(*arguments: Any, **options: Any) -> None:
        if failures:
            raise failures.pop()
        subscribe(*arguments, **options)

    monkeypatch.setattr(Connection, "subscribe", breaking)
    client.link.start()
    assert client.link.wait_connected(PATIENCE_S)


def test_a_stop_says_goodbye_and_does_not_come_back(server: StompServer, client: Client) -> None:
    client.connect()
    client.link.stop()
    server.wait_for("DISCONNECT")
    assert not client.link.connected
    assert len(server.of("STOMP")) == 1


def test_a_stop_does_not_wait_for_a_broker_that_hangs(server: StompServer, client: Client) -> None:
    client.connect()
    server.silent.add("DISCONNECT")
    client.link.stop(0.2)
    assert not client.link.connected
    server.drop()


def test_a_stop_ends_the_attempts_to_connect(server: StompServer, client: Client) -> None:
    server.password = "another"
    client.link.start()
    server.wait_for("STOMP")
    client.link.stop()
    count = len(server.of("STOMP"))
    server.password = "secret"
    assert not client.link.wait_connected(0.1)
    assert len(server.of("STOMP")) == count
