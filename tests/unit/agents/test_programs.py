"""The example agents: every STF ends registered, processed or failed, whatever its file is like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.data.generation import GenerationSettings
from agents.data.stf import write_stf
from agents.programs.example_data_agent import ExampleDataAgent
from agents.programs.example_processing_agent import ExampleProcessingAgent
from agents.runtime import BaseAgent
from tests.unit.agents.bench import Bench, stf_gen
from tests.unit.monitor_server import MonitorServer
from tests.unit.stomp_server import StompServer

FILES = "stf-files/"
RUN = {
    "msg_type": "run_imminent",
    "execution_id": "stf_datataking-jane-0001",
    "run_id": "100010",
    "state": "beam",
    "substate": "not_ready",
    "simulation_tick": 5.0,
    "timestamp": "2026-01-05T12:00:00+00:00",
    "dataset": "swf.100010.run",
    "run_conditions": {"beam_energy": "5 GeV"},
}
SMALL = GenerationSettings(tf_count=4)
END = {**RUN, "msg_type": "end_run", "total_stf_files": 1, "reason": "completed"}


class Surroundings:
    """Starts an agent of a kind, and stops it at the end."""

    def __init__(self, server: StompServer, monitor: MonitorServer, folder: Path) -> None:
        self.monitor = monitor
        self.folder = folder
        self._server = server
        self._benches: list[Bench] = []

    def start(self, kind: type[BaseAgent]) -> Bench:
        bench = Bench(kind, self._server, self.monitor, self.folder, "example-agent")
        self._benches.append(bench)
        bench.ready()
        return bench

    def announcement(self, sequence: int = 1, **changes: Any) -> dict[str, Any]:
        """An `stf_gen` of a file that exists."""
        written = write_stf(self.folder / "daq", "100010", sequence, SMALL)
        true = {
            "file_url": f"file://{written.path}",
            "checksum": written.checksum,
            "size_bytes": written.size_bytes,
            "tf_count": 4,
        }
        return stf_gen(sequence, **{**true, **changes})

    def stop(self) -> None:
        for bench in self._benches:
            bench.stop()


@pytest.fixture
def around(server: StompServer, monitor: MonitorServer, tmp_path: Path) -> Iterator[Surroundings]:
    made = Surroundings(server, monitor, tmp_path)
    yield made
    made.stop()


def rows(monitor: MonitorServer, method: str) -> list[Any]:
    return [row for request in monitor.of(method, FILES) for row in request.body]


def test_an_announced_run_is_registered(around: Surroundings) -> None:
    bench = around.start(ExampleDataAgent)
    bench.deliver(RUN)
    bench.acknowledged()
    (request,) = around.monitor.of("POST", "runs/")
    assert request.body["run_number"] == 100010
    assert request.body["run_conditions"] == {"beam_energy": "5 GeV"}


def test_a_run_that_is_registered_is_not_registered_again(around: Surroundings) -> None:
    bench = around.start(ExampleDataAgent)
    around.monitor.answers["GET", "runs/"] = (200, [{"run_id": 5}])
    bench.deliver(RUN)
    bench.acknowledged()
    assert around.monitor.of("POST", "runs/") == []


def test_a_file_of_a_run_that_was_announced_before_the_agent_came_registers_the_run(
    around: Surroundings,
) -> None:
    bench = around.start(ExampleDataAgent)
    bench.deliver(around.announcement())
    bench.acknowledged()
    posts = [request.path for request in around.monitor.requests if request.method == "POST"]
    assert [path for path in posts if path in ("runs/", FILES)] == ["runs/", FILES]


def test_the_end_of_a_run_gives_it_its_end_time(around: Surroundings) -> None:
    bench = around.start(ExampleDataAgent)
    around.monitor.answers["GET", "runs/"] = (200, [{"run_id": 5}])
    bench.deliver(END)
    bench.acknowledged()
    (request,) = around.monitor.of("PATCH", "runs/5/")
    assert request.body == {"end_time": "2026-01-05T12:00:00+00:00"}


def test_a_good_file_is_registered_and_announced_as_ready(around: Surroundings) -> None:
    bench = around.start(ExampleDataAgent)
    announced = around.announcement()
    bench.deliver(announced)
    bench.acknowledged()
    (row,) = rows(around.monitor, "POST")
    assert (row["stf_filename"], row["status"]) == (announced["filename"], "registered")
    assert (row["file_size_bytes"], row["checksum"]) == (
        announced["size_bytes"],
        announced["checksum"],
    )
    (ready,) = bench.sent()
    assert ready["msg_type"] == "stf_ready"
    assert ready["processed_by"] == bench.agent.instance_name
    kept = ("execution_id", "run_id", "filename", "sequence", "checksum", "size_bytes", "start")
    same = {name: announced[name] for name in kept if name != "start"}
    assert {name: ready[name] for name in same} == same


@pytest.mark.parametrize(
    "damage", [{"size_bytes": 1}, {"checksum": "sha256:00"}, {"file_url": "file:///nowhere"}]
)
def test_a_damaged_file_is_registered_as_failed_and_not_announced(
    around: Surroundings, damage: dict[str, Any]
) -> None:
    bench = around.start(ExampleDataAgent)
    bench.deliver(around.announcement(1, **damage), 1)
    bench.deliver(around.announcement(2), 2)
    bench.acknowledged(2)
    statuses = {row["stf_filename"]: row["status"] for row in rows(around.monitor, "POST")}
    assert list(statuses.values()) == ["failed", "registered"]
    (failed, _) = rows(around.monitor, "POST")
    assert failed["metadata"]["failure"]
    assert [message["sequence"] for message in bench.sent()] == [2]


def test_a_ready_file_is_processed_and_its_output_written(around: Surroundings) -> None:
    bench = around.start(ExampleProcessingAgent)
    ready = {**around.announcement(), "msg_type": "stf_ready", "processed_by": "data-agent"}
    bench.deliver(ready)
    bench.acknowledged()
    (row,) = rows(around.monitor, "PATCH")
    assert (row["stf_filename"], row["status"]) == (ready["filename"], "processed")
    (message,) = bench.sent()
    assert message["msg_type"] == "processing_complete"
    (name,) = message["output_files"]
    output = json.loads((around.folder / "processed" / "100010" / name).read_text())
    assert (output["input"], output["tf_count"]) == (ready["filename"], message["tf_count"])
    assert output["hit_count"] > output["cluster_count"] > 0


def test_a_file_that_was_damaged_meanwhile_is_failed(around: Surroundings) -> None:
    bench = around.start(ExampleProcessingAgent)
    bench.deliver(
        {**around.announcement(checksum="sha256:00"), "msg_type": "stf_ready", "processed_by": "x"}
    )
    bench.acknowledged()
    (row,) = rows(around.monitor, "PATCH")
    assert row["status"] == "failed"
    assert "checksum" in row["metadata"]["failure"]
    assert bench.sent() == []


def test_a_refused_record_refuses_the_message(around: Surroundings) -> None:
    bench = around.start(ExampleProcessingAgent)
    around.monitor.answers["PATCH", FILES] = (400, {"stf_filename": "is not known"})
    bench.deliver({**around.announcement(), "msg_type": "stf_ready", "processed_by": "x"})
    assert bench.refused() == ["ack-1"]
    assert bench.sent() == []
