"""A batch whose own files fill a volume: they are recorded first, and no STF fails for them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from agents.data.sampling import samples
from agents.programs.example_fastmon_agent.agent import ExampleFastmonAgent
from agents.programs.example_processing_agent.agent import ExampleProcessingAgent
from agents.runtime import BaseAgent
from swf_common.configuration.groups import Sampling
from tests.unit.agents.bench import Bench
from tests.unit.agents.surroundings import Surroundings
from tests.unit.stomp_server import PATIENCE_S
from tests.unit.testbed.monitor_server import Request

STFS = "stf-files/"
SAMPLES = "fastmon-files/"
NEEDED = "files/needed/"


class Batch:
    """An agent that handles one STF, and then two more in one batch.

    :param remembers: whether files of an STF are no longer needed once its outcome is recorded
    """

    def __init__(self, around: Surroundings, kind: type[BaseAgent], remembers: bool = True) -> None:
        self.around = around
        self._remembers = remembers
        self._recorded: set[str] = set()
        self._gate = threading.Event()
        around.monitor.on_request = self._answer
        self.bench: Bench = around.start(kind)

    def run(self) -> list[Any]:
        """The changes of the STFs' records, one list a request."""
        monitor = self.around.monitor
        self.bench.deliver(self.around.ready_file(1), 1)
        monitor.wait(lambda: monitor.of("PATCH", STFS), "a change of a record")
        for number in (2, 3):
            self.bench.deliver(self.around.ready_file(number), number)
        # nobody handles it: its acknowledgement says that the agent has all others
        self.bench.deliver({"msg_type": "nobody_handles_this"}, 4)
        assert self.bench.acknowledged(1) == ["ack-4"]
        self._gate.set()
        self.bench.acknowledged(4)
        return [request.body for request in monitor.of("PATCH", STFS)]

    def _answer(self, request: Request) -> None:
        if (request.method, request.path) == ("PATCH", STFS):
            self._gate.wait(PATIENCE_S)
            if self._remembers:
                self._recorded |= {row["stf_filename"] for row in request.body}
        if (request.method, request.path) == ("GET", STFS):
            record = {"status": "registered", "metadata": None}
            self.around.monitor.answers["GET", STFS] = (200, [record])
        if (request.method, request.path) == ("POST", NEEDED):
            asked = [one["stf_filename"] for one in request.body["files"]]
            needed = [name not in self._recorded for name in asked]
            self.around.monitor.answers["POST", NEEDED] = (200, {"needed": needed})


def names(changes: list[Any]) -> list[list[str]]:
    return [[row["stf_filename"] for row in request] for request in changes]


def stf(number: int) -> str:
    return f"swf.100010.{number:06d}.stf"


@pytest.fixture
def tiny(around: Surroundings) -> Surroundings:
    """Every volume is full with the first file in it."""
    around.tf_count = 100
    around.parameters(processed_limit_mb=1e-6, tf_samples_limit_mb=1e-6)
    stored = [
        {"tf_filename": sample.filename, "tf_file_id": "00000000-0000-0000-0000-000000000001"}
        for number in (1, 2, 3)
        for sample in samples(Sampling(), stf(number), 100010, number, 100)
    ]
    around.monitor.answers["POST", SAMPLES] = (201, stored)
    return around


def test_outputs_of_a_batch_are_recorded_before_an_stf_fails_for_them(tiny: Surroundings) -> None:
    batch = Batch(tiny, ExampleProcessingAgent)
    changes = batch.run()
    assert names(changes) == [[stf(1)], [stf(2)], [stf(3)]]
    assert {row["status"] for request in changes for row in request} == {"processed"}
    assert len(batch.bench.sent()) == 3
    left = [path.name for path in (tiny.folder / "processed" / "100010").iterdir()]
    assert left == ["swf.100010.000003.rec.root"]


def test_samples_of_a_batch_are_recorded_before_an_stf_fails_for_them(tiny: Surroundings) -> None:
    """All slices of what is recorded have results at once."""
    changes = Batch(tiny, ExampleFastmonAgent).run()
    assert names(changes) == [[stf(1)], [stf(2)], [stf(3)]]
    assert not any("status" in row for request in changes for row in request)
    left = {path.name[:17] for path in (tiny.folder / "tf-samples" / "100010").iterdir()}
    assert left == {"swf.100010.000003"}


@pytest.mark.parametrize("kind", [ExampleProcessingAgent, ExampleFastmonAgent])
def test_an_stf_fails_when_what_is_recorded_is_needed_too(
    tiny: Surroundings, kind: type[BaseAgent]
) -> None:
    changes = Batch(tiny, kind, remembers=False).run()
    statuses = [row.get("status") for request in changes for row in request]
    assert statuses[1:] == ["failed", "failed"]
    assert statuses[0] != "failed"
