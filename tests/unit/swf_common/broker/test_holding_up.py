"""A consumer without room holds up its receiver: the connection stays, and the broker waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from swf_common.broker import stomp_connection
from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Delivery, Subscription
from tests.unit.stomp_server import PATIENCE_S, StompServer
from tests.unit.swf_common.broker.client import QUEUE

HEART_BEAT_MS = 200
MISSED_S = HEART_BEAT_MS / 1000 * stomp_connection.RECEIVE_SCALE
"""Seconds without a word after which a connection counts as lost."""


@pytest.fixture
def quick(server: StompServer, monkeypatch: pytest.MonkeyPatch) -> StompServer:
    """A server that promises a heart-beat each 200 ms and sends none."""
    monkeypatch.setattr(stomp_connection, "HEART_BEAT_MS", HEART_BEAT_MS)
    server.heart_beat = f"{HEART_BEAT_MS},0"
    return server


@contextmanager
def consumer(server: StompServer, take: Callable[[BrokerLink], None]) -> Iterator[BrokerLink]:
    def on_message(delivery: Delivery) -> None:
        take(link)

    link = BrokerLink(server.broker, "test", (Subscription(QUEUE),), on_message=on_message)
    link.start()
    assert link.wait_connected(PATIENCE_S)
    yield link
    link.stop()


def test_a_connection_whose_receiver_is_held_up_is_kept(quick: StompServer) -> None:
    waited = threading.Event()
    never = threading.Event()

    def hold_up(link: BrokerLink) -> None:
        for _ in range(12):  # three times as long as heart-beats may be missing
            link.held_up()
            never.wait(MISSED_S / 4)
        link.held_up()
        waited.set()

    with consumer(quick, hold_up):
        quick.deliver("body")
        assert waited.wait(PATIENCE_S)
        assert len(quick.of("STOMP")) == 1


def test_a_broker_that_is_silent_without_that_counts_as_lost(quick: StompServer) -> None:
    with consumer(quick, lambda link: None):
        quick.wait_for("STOMP", 2)
