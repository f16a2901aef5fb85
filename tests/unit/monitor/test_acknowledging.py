"""What the recorder acknowledges of a batch that is stored."""

from __future__ import annotations

import random

from monitor.recorder.service import ACK_EVERY, acknowledgements
from swf_common.broker.model import Delivery


def batch_of(*subscriptions: str) -> list[Delivery]:
    return [
        Delivery({"subscription": one, "ack": str(number)}, "{}", 1)
        for number, one in enumerate(subscriptions)
    ]


def test_no_message_is_left_out_and_none_covers_too_many() -> None:
    batch = batch_of(*random.Random(1).choices("012", k=7 * ACK_EVERY + 3))
    covered: set[str] = set()
    for last in acknowledgements(batch):
        position = batch.index(last)
        fresh = {
            one.headers["ack"]
            for one in batch[: position + 1]
            if one.headers["subscription"] == last.headers["subscription"]
        } - covered
        assert 0 < len(fresh) <= ACK_EVERY
        covered |= fresh
    assert len(covered) == len(batch)


def test_each_subscription_is_acknowledged_apart() -> None:
    batch = batch_of("0", "1", "0")
    assert [one.headers["ack"] for one in acknowledgements(batch)] == ["2", "1"]
    assert list(acknowledgements([])) == []
