"""What the recorder keeps between receiving and storing is bounded in bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from monitor.recorder import intake as intake_module
from monitor.recorder.intake import Intake, size_of
from swf_common.broker.model import Delivery
from tests.waiting import eventually

MOST = 100_000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for room looks again soon."""
    monkeypatch.setattr(intake_module, "POLL_INTERVAL_S", 0.02)


def delivery(number: int, length: int = 10_000) -> Delivery:
    return Delivery({"ack": str(number)}, "x" * length, 1)


def intake(most: int = MOST, held_up: Callable[[], None] = lambda: None) -> Intake:
    return Intake(threading.Condition(), most, held_up)


def numbers(taken: list[Delivery]) -> list[int]:
    return [int(one.headers["ack"]) for one in taken]


@contextmanager
def receiving(queue: Intake, deliveries: list[Delivery]) -> Iterator[threading.Thread]:
    """A receiver's thread that puts deliveries in, one after the other."""

    def receive() -> None:
        for one in deliveries:
            queue.put(one)

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    yield thread
    thread.join(5)
    assert not thread.is_alive(), "the receiver still waits"


def test_a_receiver_waits_while_there_is_no_room_and_nothing_is_lost() -> None:
    queue = intake()
    wanted = [delivery(number) for number in range(50)]
    taken: list[Delivery] = []
    with receiving(queue, wanted) as receiver:
        while len(taken) < len(wanted):
            full = MOST // size_of(wanted[0])
            left = min(full, len(wanted) - len(taken))
            eventually(lambda left=left: len(queue) == left, "the queue is full", 5)  # type: ignore[misc]
            assert sum(map(size_of, queue._deliveries)) <= MOST
            assert receiver.is_alive() or len(taken) + left == len(wanted)
            taken += queue.take(3, MOST)
    assert numbers(taken) == list(range(50))


def test_a_delivery_larger_than_all_room_is_let_in_alone() -> None:
    queue = intake()
    with receiving(queue, [delivery(0), delivery(1, 10 * MOST), delivery(2)]):
        eventually(lambda: len(queue) == 1, "the first one is in", 5)
        assert numbers(queue.take(10, MOST)) == [0]
        eventually(lambda: len(queue) == 1, "the large one is in", 5)
        assert numbers(queue.take(10, MOST)) == [1]
    assert numbers(queue.take(10, MOST)) == [2]


def test_a_batch_is_bounded_in_number_and_in_bytes() -> None:
    queue = intake(10 * MOST)
    for number in range(20):
        queue.put(delivery(number))
    assert numbers(queue.take(4, MOST)) == [0, 1, 2, 3]
    assert numbers(queue.take(20, 3 * size_of(delivery(0)))) == [4, 5, 6]
    assert numbers(queue.take(20, 1)) == [7], "one is taken however large it is"
    assert queue.take(0, MOST) == []


def test_a_text_with_one_wide_character_counts_with_all_its_bytes() -> None:
    plain, wide = (
        Delivery({}, "x" * 1000, 1),
        Delivery({}, "x" * 999 + "\N{SLIGHTLY SMILING FACE}", 1),
    )
    assert size_of(wide) - size_of(plain) > 2900


def test_a_receiver_whose_connection_is_gone_waits_no_more_and_leaves_nothing() -> None:
    queue = intake()
    with receiving(queue, [delivery(0, MOST), delivery(1, MOST)]):
        eventually(lambda: len(queue) == 1, "the first one is in", 5)
        eventually(lambda: queue._changed._waiters, "the receiver waits", 5)  # type: ignore[attr-defined]
        queue.clear()
    assert queue.take(10, 10 * MOST) == []


def test_nobody_waits_for_a_recorder_that_stops() -> None:
    queue = intake()
    with receiving(queue, [delivery(number, MOST) for number in range(5)]):
        eventually(lambda: len(queue) == 1, "the first one is in", 5)
        queue.close()
    assert numbers(queue.take(10, 10 * MOST)) == [0]


def test_a_receiver_that_waits_says_so_now_and_then() -> None:
    said = threading.Event()
    queue = intake(held_up=said.set)
    with receiving(queue, [delivery(0, MOST), delivery(1, MOST)]):
        assert said.wait(5)
        queue.clear()
