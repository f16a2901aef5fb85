"""The example agents: every STF ends registered, processed or failed, whatever its file is like."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.programs.example_data_agent import ExampleDataAgent
from agents.programs.example_processing_agent import ExampleProcessingAgent
from tests.unit.agents.surroundings import END_RUN, RUN_IMMINENT, Surroundings

FILES = "stf-files/"


def test_an_announced_run_is_registered(around: Surroundings) -> None:
    bench = around.start(ExampleDataAgent)
    bench.deliver(RUN_IMMINENT)
    bench.acknowledged()
    (request,) = around.monitor.of("POST", "runs/")
    assert request.body["run_number"] == 100010
    assert request.body["run_conditions"] == {"beam_energy": "5 GeV"}


def test_a_run_that_is_registered_is_not_registered_again(around: Surroundings) -> None:
    bench = around.start(ExampleDataAgent)
    around.monitor.answers["GET", "runs/"] = (200, [{"run_id": 5}])
    bench.deliver(RUN_IMMINENT)
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
    bench.deliver(END_RUN)
    bench.acknowledged()
    (request,) = around.monitor.of("PATCH", "runs/5/")
    assert request.body == {"end_time": "2026-01-05T12:00:00+00:00"}


def test_a_good_file_is_registered_and_announced_as_ready(around: Surroundings) -> None:
    bench = around.start(ExampleDataAgent)
    announced = around.announcement()
    bench.deliver(announced)
    bench.acknowledged()
    (row,) = around.rows("POST", FILES)
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
    statuses = {row["stf_filename"]: row["status"] for row in around.rows("POST", FILES)}
    assert list(statuses.values()) == ["failed", "registered"]
    (failed, _) = around.rows("POST", FILES)
    assert failed["metadata"]["failure"]
    assert [message["sequence"] for message in bench.sent()] == [2]


def test_a_ready_file_is_processed_and_its_output_written(around: Surroundings) -> None:
    bench = around.start(ExampleProcessingAgent)
    ready = around.ready_file()
    bench.deliver(ready)
    bench.acknowledged()
    (row,) = around.rows("PATCH", FILES)
    assert (row["stf_filename"], row["status"]) == (ready["filename"], "processed")
    (message,) = bench.sent()
    assert message["msg_type"] == "processing_complete"
    (name,) = message["output_files"]
    output = json.loads((around.folder / "processed" / "100010" / name).read_text())
    assert (output["input"], output["tf_count"]) == (ready["filename"], message["tf_count"])
    assert output["hit_count"] > output["cluster_count"] > 0


def test_a_file_that_was_damaged_meanwhile_is_failed(around: Surroundings) -> None:
    bench = around.start(ExampleProcessingAgent)
    bench.deliver(around.ready_file(checksum="sha256:00"))
    bench.acknowledged()
    (row,) = around.rows("PATCH", FILES)
    assert row["status"] == "failed"
    assert "checksum" in row["metadata"]["failure"]
    assert bench.sent() == []


def test_a_refused_record_refuses_the_message(around: Surroundings) -> None:
    bench = around.start(ExampleProcessingAgent)
    around.monitor.answers["PATCH", FILES] = (400, {"stf_filename": "is not known"})
    bench.deliver(around.ready_file())
    assert bench.refused() == ["ack-1"]
    assert bench.sent() == []
