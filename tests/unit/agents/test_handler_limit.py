"""A handler that does not return is told of, and ends its agent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from agents.runtime import BaseAgent, consumer, handles
from agents.runtime.inbox import Arrival, Inbox
from agents.runtime.watch import HandlerOverdue, Watch
from swf_common.broker.model import Delivery
from swf_common.protocol.message import Message
from swf_common.protocol.messages import StfGen, interpret
from swf_common.service.monitor_client import Stopped
from tests.unit.agents.bench import Bench, many, stf_gen
from tests.unit.stomp_server import PATIENCE_S, StompServer
from tests.unit.testbed.monitor_server import MonitorServer
from tests.waiting import eventually

LIMIT_S = 10.0


class Slow(BaseAgent):
    """Handles what it gets once the gate is open."""

    agent_type = "Slow"
    handler_limit = 0.2
    gate = threading.Event()
    seen: ClassVar[list[Any]] = []

    @handles("stf_gen")
    def wait(self, message: StfGen) -> None:
        if message.field("asks"):
            self.monitor.call("GET", "runs/")
        else:
            self.gate.wait(PATIENCE_S)

    @handles("many", batch=3)
    def wait_with_many(self, messages: list[Message]) -> None:
        self.seen.append([message.field("number") for message in messages])
        self.gate.wait(PATIENCE_S)


class SlowBench(Bench):
    """Keeps how the agent's life ended."""

    end: BaseException | None = None

    def live(self) -> None:
        try:
            self.agent.run()
        except HandlerOverdue as error:
            self.end = error


@pytest.fixture
def slow(
    server: StompServer, monitor: MonitorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SlowBench]:
    monkeypatch.setattr(consumer, "IDLE_AFTER_S", 0.02)
    Slow.gate.clear()
    Slow.seen.clear()
    made = SlowBench(Slow, server, monitor, tmp_path)
    made._thread = threading.Thread(target=made.live, daemon=True)
    yield made
    Slow.gate.set()
    monitor.away = False
    made.stop()


def test_a_handler_that_does_not_return_makes_its_agent_err_and_then_end(
    slow: SlowBench, monitor: MonitorServer
) -> None:
    slow.ready()
    slow.deliver(stf_gen())
    beat = monitor.wait_for_beat(operational_state="PROCESSING", status="ERROR")
    assert "a handler does not return: stf_gen swf.100010.000001.stf" in beat["description"]
    assert "Its limit is 0.2 s" in beat["description"]
    slow.join()
    assert slow.refused() == ["ack-1"]
    assert "took longer than 0.6 s: stf_gen swf.100010.000001.stf" in str(slow.end)
    last = monitor.beats()[-1]
    assert (last["operational_state"], last["status"]) == ("EXITED", "EXITED")
    assert last["description"].startswith("ended itself: the handler took longer than 0.6 s")


def test_a_handler_that_returns_late_is_forgiven(
    slow: SlowBench, monitor: MonitorServer, server: StompServer
) -> None:
    slow.ready()
    slow.deliver(stf_gen())
    monitor.wait_for_beat(operational_state="PROCESSING", status="ERROR")
    Slow.gate.set()
    assert slow.acknowledged() == ["ack-1"]
    monitor.wait(lambda: monitor.beats()[-1]["status"] == "OK", "an OK again")
    assert server.of("NACK") == []


def test_of_a_batch_that_does_not_return_nothing_is_refused_and_each_comes_again_alone(
    slow: SlowBench, server: StompServer
) -> None:
    slow.ready()
    for number in (1, 2):
        slow.deliver(many(number), number, redelivered="true")
    for number in (3, 4):
        slow.deliver(many(number), number)
    slow.deliver(stf_gen(namespace="torre2"), 5)
    slow.acknowledged()
    Slow.gate.set()
    slow.acknowledged(5)
    assert Slow.seen == [[1], [2], [3, 4]]
    Slow.gate.clear()
    slow.deliver(many(6), 6)
    eventually(lambda: Slow.seen[-1] == [6], "one is in hand")
    assert server.of("NACK") == []


def test_an_agent_at_work_says_on_what(slow: SlowBench, monitor: MonitorServer) -> None:
    slow.ready()
    assert monitor.wait_for_beat(operational_state="READY")["description"] == (
        "connected to the broker"
    )
    slow.deliver(stf_gen())
    beat = monitor.wait_for_beat(operational_state="PROCESSING", status="OK")
    assert beat["description"] == "at work on stf_gen swf.100010.000001.stf"


def test_waiting_for_a_monitor_that_is_away_is_no_fault_of_the_handler(
    slow: SlowBench, monitor: MonitorServer
) -> None:
    slow.ready()
    monitor.away = True
    slow.deliver(stf_gen(asks=True))
    monitor.wait(lambda: len(monitor.of("GET", "runs/")) >= 3, "it was asked for half a second")
    assert slow.end is None
    assert monitor.beats(status="ERROR") == []
    monitor.away = False
    assert slow.acknowledged() == ["ack-1"]


# --- The watch alone ------------------------------------------------------------------------


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def arrivals(*sequences: int) -> list[Arrival]:
    return [Arrival(interpret(stf_gen(one)), Delivery({}, "", 1)) for one in sequences]


def test_a_handler_is_overdue_behind_its_limit_and_given_up_behind_three() -> None:
    clock = Clock()
    watch = Watch(LIMIT_S, clock)

    def hang() -> None:
        with watch.over(arrivals(1)):
            clock.now += LIMIT_S
            assert (watch.overdue(), watch.give_up()) == ("", [])
            clock.now += 1
            assert "stf_gen swf.100010.000001.stf, for 11 s" in watch.overdue()
            assert watch.give_up() == []
            clock.now += 2 * LIMIT_S
            assert [work.message.field("sequence") for work in watch.give_up()] == [1]

    with pytest.raises(Stopped):
        hang()
    assert (watch.overdue(), watch.longest()) == ("", "")


def test_whatever_a_handler_does_after_it_was_given_up_does_not_count() -> None:
    clock = Clock()
    watch = Watch(LIMIT_S, clock)

    def fail_too_late() -> None:
        with watch.over(arrivals(1)):
            clock.now += 4 * LIMIT_S
            watch.give_up()
            raise ValueError("too late")

    with pytest.raises(Stopped):
        fail_too_late()


def test_each_message_of_a_batch_has_its_own_time() -> None:
    clock = Clock()
    watch = Watch(LIMIT_S, clock)
    batch = arrivals(1, 2)
    with watch.over(batch):
        clock.now += LIMIT_S
        watch.turn_to(batch[1].message)
        clock.now += LIMIT_S
        assert watch.overdue() == ""
        assert watch.longest() == "stf_gen swf.100010.000002.stf (of 2 in hand), for 10 s"


def test_time_that_is_excused_does_not_count() -> None:
    clock = Clock()
    watch = Watch(LIMIT_S, clock)
    watch.excuse(5)  # nothing is in hand: nothing happens
    with watch.over(arrivals(1)):
        watch.excuse(5)
        clock.now += LIMIT_S + 5
        assert watch.overdue() == ""
        clock.now += 1
        assert watch.overdue() != ""


def test_a_pause_of_the_process_does_not_count_against_a_handler() -> None:
    clock = Clock()
    watch = Watch(LIMIT_S, clock)
    with watch.over(arrivals(1)):
        watch.excuse_sleep()
        clock.now += 100 * LIMIT_S  # docker pause: nobody looked either
        watch.excuse_sleep()
        assert (watch.overdue(), watch.give_up()) == ("", [])
        for _ in range(12):
            clock.now += 1
            watch.excuse_sleep()
        assert watch.overdue() != ""


def test_messages_that_come_again_are_taken_alone() -> None:
    inbox = Inbox()
    for number, again in enumerate(("true", "false", "false", "true", "false")):
        inbox.put(Arrival(interpret(many(number)), Delivery({"redelivered": again}, "", 1)))
    taken = [[one.message.field("number") for one in inbox.take(lambda _: 3, 0)] for _ in range(4)]
    assert taken == [[0], [1, 2], [3], [4]]
