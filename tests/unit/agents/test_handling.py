"""Work is confirmed before it is acknowledged, and what fails is refused alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.agents.bench import Bench, Echo, many, stf_gen
from tests.unit.samples import NAMESPACE
from tests.unit.stomp_server import StompServer
from tests.unit.testbed.monitor_server import MonitorServer


def test_work_is_acknowledged_after_its_sends_are_confirmed(
    bench: Bench, server: StompServer
) -> None:
    bench.ready()
    server.silent.add("SEND")
    bench.deliver(stf_gen())
    sends = server.wait_for("SEND", 2)  # the message, and the reply
    server.confirm(sends[0])
    assert server.of("ACK") == []
    server.confirm(sends[1])
    assert bench.acknowledged() == ["ack-1"]
    assert bench.order_of("SEND", "ACK") == ["SEND", "SEND", "ACK"]


def test_what_is_published_goes_out_in_the_agents_name(bench: Bench) -> None:
    bench.ready()
    bench.deliver(stf_gen())
    echo = bench.wait_sent("echo")
    assert (echo["sender"], echo["namespace"]) == ("echo-agent-jane-0042", NAMESPACE)
    assert echo["run_id"] == "100010"


def test_a_message_that_is_handled_twice_is_answered_with_the_same_message(bench: Bench) -> None:
    bench.ready()
    for number, sequence in ((1, 1), (2, 1), (3, 2)):
        bench.deliver(stf_gen(sequence), number)
    bench.acknowledged(3)
    once, again, other = [echo["message_id"] for echo in bench.sent()]
    assert once == again != other


def test_a_command_is_answered_where_its_sender_wants(bench: Bench, server: StompServer) -> None:
    bench.ready()
    bench.deliver(stf_gen(), reply_to="/remote-temp-queue/replies")
    reply = bench.wait_sent("done", "/remote-temp-queue/replies")
    assert reply["count"] == 1
    (frame,) = [one for one in server.of("SEND") if one.destination.startswith("/remote")]
    assert frame.headers["correlation-id"] == stf_gen()["message_id"]


def test_a_message_whose_handler_fails_is_refused_and_the_next_one_handled(bench: Bench) -> None:
    bench.ready()
    bench.deliver(stf_gen(1, detector="broken"), 1)
    bench.deliver(stf_gen(2), 2)
    assert bench.acknowledged() == ["ack-2"]
    assert bench.refused() == ["ack-1"]


@pytest.mark.parametrize(
    ("content", "foreign"),
    [(stf_gen(namespace="torre2"), 1), ({"msg_type": "of-no-interest"}, 0)],
)
def test_what_is_not_for_an_agent_is_acknowledged_and_dropped(
    bench: Bench, content: dict[str, Any], foreign: int
) -> None:
    bench.ready()
    bench.deliver(content)
    assert bench.acknowledged() == ["ack-1"]
    assert bench.agent.foreign_messages == foreign
    assert Echo.handled == []


def test_headers_that_name_a_type_of_no_interest_are_enough_to_drop_a_message(
    bench: Bench,
) -> None:
    bench.ready()
    bench.deliver("no JSON at all", 1, msg_type="of-no-interest", namespace=NAMESPACE)
    bench.deliver("no JSON at all", 2, msg_type="of-no-interest", namespace="torre2")
    bench.deliver(stf_gen(), 3, msg_type="stf_gen", namespace=NAMESPACE)
    assert bench.acknowledged(2) == ["ack-1", "ack-3"]
    assert bench.refused() == ["ack-2"]


def test_a_handler_that_exits_ends_no_worker(bench: Bench) -> None:
    bench.ready()
    bench.deliver(stf_gen(1, detector="exits"), 1)
    bench.deliver(stf_gen(2), 2)
    assert bench.refused() == ["ack-1"]
    assert bench.acknowledged() == ["ack-2"]


def test_a_message_without_a_namespace_is_for_everybody(bench: Bench) -> None:
    bench.ready()
    bench.deliver(stf_gen(namespace=None))
    bench.acknowledged()
    assert len(Echo.handled) == 1


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        '{"msg_type": "stf_gen"}',
        '{"msg_type": "stf_gen", "timestamp": "0001-01-01T00:00:00+14:00"}',
    ],
)
def test_a_message_that_cannot_be_understood_is_refused(bench: Bench, body: str) -> None:
    bench.ready()
    bench.deliver(body)
    assert bench.refused() == ["ack-1"]


def test_a_batch_takes_what_has_arrived_and_is_acknowledged_together(
    bench: Bench, monitor: MonitorServer
) -> None:
    bench.ready()
    Echo.gate.clear()
    bench.deliver(many(1), 1)
    monitor.wait_for_beat(operational_state="PROCESSING")
    for number in (2, 3, 4, 5):
        bench.deliver(many(number), number)
    bench.deliver(stf_gen(namespace="torre2"), 6)
    assert bench.acknowledged() == ["ack-6"]  # the others have arrived before it
    Echo.gate.set()
    assert bench.acknowledged(6)[1:] == [f"ack-{number}" for number in range(1, 6)]
    assert Echo.handled == [[1], [2, 3, 4], [5]]


def test_of_a_batch_that_fails_only_the_message_at_fault_is_refused(bench: Bench) -> None:
    bench.ready()
    Echo.gate.clear()
    bench.deliver(many(1), 1)
    for number in (2, 3, 4):
        bench.deliver(many(number, **({"detector": "broken"} if number == 3 else {})), number)
    Echo.gate.set()
    assert bench.acknowledged(3) == ["ack-1", "ack-2", "ack-4"]
    assert bench.refused() == ["ack-3"]


def test_what_a_batch_publishes_follows_from_each_message(bench: Bench) -> None:
    bench.ready()
    bench.deliver(many(1), 1)
    bench.acknowledged(1)
    bench.deliver(many(1), 2)
    bench.deliver(many(2), 3)
    bench.acknowledged(3)
    first, again, other = [message["message_id"] for message in bench.sent()]
    assert first == again != other


def test_work_of_a_lost_connection_is_handled_again_not_acknowledged_twice(
    bench: Bench, server: StompServer, monitor: MonitorServer
) -> None:
    bench.ready()
    Echo.gate.clear()
    bench.deliver(stf_gen(), 1)
    monitor.wait_for_beat(operational_state="PROCESSING")
    server.drop()
    server.wait(lambda: len(server.of("SUBSCRIBE")) == 2, "a new subscription")
    bench.deliver(stf_gen(), 9, redelivered="true")
    Echo.gate.set()
    assert bench.acknowledged() == ["ack-9"]
