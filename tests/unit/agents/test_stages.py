"""A stage of an agent's own: recorded before the message is acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runtime import BaseAgent, handles
from swf_common.protocol.messages import StfGen
from tests.unit.agents.bench import Bench, stf_gen
from tests.unit.stomp_server import StompServer
from tests.unit.testbed.monitor_server import MonitorServer

RECORDS = "stage-records/"


class Calibrator(BaseAgent):
    """Calibrates STFs; those with an odd number fail."""

    agent_type = "calibration"

    @handles("stf_gen", batch=10)
    def calibrate(self, messages: list[StfGen]) -> None:
        self.passed("stf.calibrated", *(one for one in messages if one.sequence % 2 == 0))
        odd = [one for one in messages if one.sequence % 2]
        self.passed("stf.calibrated", *odd, failed=True)


@pytest.fixture
def bench(server: StompServer, monitor: MonitorServer, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(Calibrator, server, monitor, tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize(("number", "failed"), [(2, False), (1, True)])
def test_that_an_stf_has_come_to_its_end_is_recorded_well_or_failed(
    bench: Bench, monitor: MonitorServer, number: int, failed: bool
) -> None:
    bench.ready()
    bench.deliver(stf_gen(number), number)
    assert bench.acknowledged() == [f"ack-{number}"]
    (request,) = monitor.of("POST", RECORDS)
    assert request.body == [
        {
            "execution_id": "stf_datataking-jane-0001",
            "stage": "stf.calibrated",
            "unit": f"swf.100010.{number:06d}.stf",
            "failed": failed,
        }
    ]


def test_a_message_whose_record_is_refused_is_not_acknowledged(
    bench: Bench, server: StompServer, monitor: MonitorServer
) -> None:
    monitor.answers["POST", RECORDS] = (400, {"stage": ["It is counted from other records."]})
    bench.ready()
    bench.deliver(stf_gen(2), 2)
    server.wait(lambda: server.of("NACK"), "the message is refused")
    assert server.of("ACK") == []
