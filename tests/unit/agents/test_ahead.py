"""Quick work is taken ahead in batches, slow work one by one."""

from __future__ import annotations

from typing import ClassVar

import pytest

from agents.runtime.ahead import HOLD_S, MOST_AHEAD, TakeAhead
from agents.runtime.inbox import Arrival, Inbox
from swf_common.broker.model import Delivery, Subscription
from swf_common.protocol.messages import interpret
from tests.unit.agents.bench import Bench, Echo, many
from tests.unit.stomp_server import StompServer
from tests.unit.testbed.monitor_server import MonitorServer

QUEUE = "/queue/Consumer.torre1-test-agent.more"


class Eager(Echo):
    """Takes ahead what a test wants."""

    wanted: ClassVar[Subscription | None] = None

    def ahead(self) -> Subscription | None:
        return self.wanted


@pytest.fixture
def bench(server: StompServer, monitor: MonitorServer, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr("agents.runtime.consumer.IDLE_AFTER_S", 0.02)
    Echo.handled.clear()
    Echo.gate.set()
    Eager.wanted = None
    made = Bench(Eager, server, monitor, tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("seconds", "count"),
    [(0.001, MOST_AHEAD), (HOLD_S / 11, 10), (HOLD_S / 2, 0), (30.0, 0)],
)
def test_a_worker_takes_as_much_ahead_as_it_processes_in_the_time_that_it_may_hold(
    seconds: float, count: int
) -> None:
    pace = TakeAhead()
    pace.measured(1, seconds)
    assert pace.count == count


def test_a_small_change_of_the_time_changes_nothing() -> None:
    pace = TakeAhead()
    pace.measured(1, HOLD_S / 21)
    for _ in range(20):
        pace.measured(10, 10 * HOLD_S / 15)
    assert pace.count == 20


def test_work_that_is_announced_as_slow_is_not_taken_ahead() -> None:
    pace = TakeAhead()
    pace.measured(1, 0.001)
    pace.expect(30.0)
    assert pace.count == 0


def test_an_announcement_without_a_time_changes_nothing() -> None:
    pace = TakeAhead()
    pace.expect(0.0)
    assert pace.count == 0
    pace.measured(1, 0.001)
    pace.expect(0.0)
    assert pace.count == MOST_AHEAD


def test_what_is_given_back_is_not_taken_even_if_it_comes_late() -> None:
    inbox = Inbox()

    def arrival(number: int, subscription: str) -> Arrival:
        delivery = Delivery({"subscription": subscription}, "", 1)
        return Arrival(interpret(many(number)), delivery)

    inbox.put(arrival(1, "0"))
    inbox.put(arrival(2, "further-1"))
    inbox.give_back("further-1")
    inbox.put(arrival(3, "further-1"))
    inbox.put(arrival(4, "0"))
    taken = inbox.take(lambda _: 10, 0)
    assert [one.message.field("number") for one in taken] == [1, 4]


def test_what_comes_again_is_taken_alone_and_waits_for_no_others() -> None:
    inbox, waited = Inbox(), []
    for number in (1, 2):
        delivery = Delivery({"redelivered": "true"}, "", 1)
        inbox.put(Arrival(interpret(many(number)), delivery))

    def gather_s(kind: str) -> float:
        waited.append(kind)
        return 0.0

    taken = [inbox.take(lambda _: 10, 0, gather_s) for _ in range(2)]
    assert [len(one) for one in taken] == [1, 1]
    assert waited == []


def test_an_agent_has_a_further_subscription_while_it_wants_one(
    bench: Bench, server: StompServer
) -> None:
    bench.ready()
    Eager.wanted = Subscription(QUEUE, prefetch=7)
    further = server.wait_for("SUBSCRIBE", 2)[1]
    assert further.destination == QUEUE
    assert further.headers["activemq.prefetchSize"] == "7"
    bench.deliver(many(1), 1, subscription=further.headers["id"])
    assert bench.acknowledged() == ["ack-1"]
    Eager.wanted = None
    (ended,) = server.wait_for("UNSUBSCRIBE")
    assert ended.headers["id"] == further.headers["id"]


def test_a_message_that_was_given_back_is_neither_handled_nor_acknowledged(
    bench: Bench, server: StompServer
) -> None:
    bench.ready()
    Eager.wanted = Subscription(QUEUE, prefetch=7)
    key = server.wait_for("SUBSCRIBE", 2)[1].headers["id"]
    Eager.wanted = None
    server.wait_for("UNSUBSCRIBE")
    bench.deliver(many(1), 1, subscription=key)
    bench.deliver(many(2), 2)
    assert bench.acknowledged() == ["ack-2"]
    assert Echo.handled == [[2]]


@pytest.mark.parametrize(
    "content", ["no JSON", many(1, namespace="another"), {"msg_type": "unknown"}]
)
def test_a_message_that_was_given_back_is_not_answered_even_if_no_handler_would_get_it(
    bench: Bench, server: StompServer, content: str | dict[str, object]
) -> None:
    bench.ready()
    Eager.wanted = Subscription(QUEUE, prefetch=7)
    key = server.wait_for("SUBSCRIBE", 2)[1].headers["id"]
    Eager.wanted = None
    server.wait_for("UNSUBSCRIBE")
    bench.deliver(content, 1, subscription=key)
    bench.deliver(many(2), 2)
    assert bench.acknowledged() == ["ack-2"]
    assert server.of("NACK") == []


def test_a_new_connection_gets_the_further_subscription_again(
    bench: Bench, server: StompServer
) -> None:
    bench.ready()
    Eager.wanted = Subscription(QUEUE, prefetch=7)
    first = server.wait_for("SUBSCRIBE", 2)[1]
    server.drop(first.connection)
    again = server.wait_for("SUBSCRIBE", 4)[-1]
    assert (again.destination, again.connection > first.connection) == (QUEUE, True)
