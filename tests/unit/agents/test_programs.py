"""The example agents: every STF ends registered, processed or failed, whatever its file is like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import uproot

from agents.data.files import verify
from agents.programs.example_data_agent.agent import ExampleDataAgent
from agents.programs.example_processing_agent.agent import ExampleProcessingAgent
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
def test_a_damaged_file_is_registered_and_announced_as_failed(
    around: Surroundings, damage: dict[str, Any]
) -> None:
    bench = around.start(ExampleDataAgent)
    stored = {"stf_filename": "swf.100010.000001.stf", "status": "failed"}
    around.monitor.answers["POST", FILES] = (201, [stored])
    bench.deliver(around.announcement(1, **damage), 1)
    bench.deliver(around.announcement(2), 2)
    bench.acknowledged(2)
    statuses = {row["stf_filename"]: row["status"] for row in around.rows("POST", FILES)}
    assert list(statuses.values()) == ["failed", "registered"]
    (failed, _) = around.rows("POST", FILES)
    told, ready = bench.sent()
    assert (told["msg_type"], ready["msg_type"]) == ("stf_failed", "stf_ready")
    assert (told["filename"], told["run_id"]) == (failed["stf_filename"], "100010")
    assert told["reason"] == failed["metadata"]["failure"]


def test_a_file_that_was_registered_before_and_is_gone_is_announced_as_before(
    around: Surroundings,
) -> None:
    bench = around.start(ExampleDataAgent)
    stored = {"stf_filename": "swf.100010.000001.stf", "status": "processed"}
    around.monitor.answers["POST", FILES] = (201, [stored])
    bench.deliver(around.announcement(1, file_url="file:///nowhere"))
    bench.acknowledged()
    assert [message["msg_type"] for message in bench.sent()] == ["stf_ready"]


def test_a_ready_file_is_processed_and_its_output_is_written_recorded_and_announced(
    around: Surroundings,
) -> None:
    around.parameters(cluster_time_window_ns=0)
    bench = around.start(ExampleProcessingAgent)
    ready = around.ready_file()
    bench.deliver(ready)
    bench.acknowledged()
    (row,) = around.rows("PATCH", FILES)
    assert (row["stf_filename"], row["status"]) == (ready["filename"], "processed")
    (message,) = bench.sent()
    assert message["msg_type"] == "processing_complete"
    assert message["output_files"] == ["swf.100010.000001.rec.root"]
    (output,) = row["metadata"]["outputs"]
    path = Path(output["file_url"].removeprefix("file://"))
    assert path == around.folder / "processed" / "100010" / output["filename"]
    verify(path, output["size_bytes"], output["checksum"])
    with uproot.open(path) as root:
        tree = root["clusters"]
        assert tree.title == "cluster_time_window_ns = 0.0"
        counts = {
            "tf_count": tree.num_entries,
            "hit_count": sum(map(sum, tree["clusters_size"].array().tolist())),
            "cluster_count": tree["nclusters"].array(library="np").sum(),
        }
    assert {name: row["metadata"][name] for name in counts} == counts
    assert {name: message[name] for name in counts} == counts
    assert message["hit_count"] > message["cluster_count"] > 0


def test_a_file_that_was_damaged_meanwhile_is_failed(around: Surroundings) -> None:
    around.parameters()
    bench = around.start(ExampleProcessingAgent)
    bench.deliver(around.ready_file(checksum="sha256:00"))
    bench.acknowledged()
    (row,) = around.rows("PATCH", FILES)
    assert row["status"] == "failed"
    assert "checksum" in row["metadata"]["failure"]
    assert bench.sent() == []


def test_an_stf_that_comes_again_after_its_file_was_removed_stays_processed(
    around: Surroundings,
) -> None:
    around.parameters()
    bench = around.start(ExampleProcessingAgent)
    ready = around.ready_file()
    bench.deliver(ready, 1)
    bench.acknowledged(1)
    (first,) = around.rows("PATCH", FILES)
    around.monitor.answers["GET", FILES] = (200, [first])
    Path(ready["file_url"].removeprefix("file://")).unlink()
    bench.deliver(ready, 2)
    bench.acknowledged(2)
    assert around.rows("PATCH", FILES) == [first, first]
    one, again = bench.sent()
    assert {**one, "timestamp": ""} == {**again, "timestamp": ""}


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"cluster_time_window_ns": -1}, "cluster_time_window_ns"),
        ({"processed_limit_mb": 1e-6}, "its files are needed"),
    ],
)
def test_an_stf_that_cannot_be_processed_is_failed_with_the_reason(
    around: Surroundings, parameters: dict[str, Any], reason: str
) -> None:
    around.parameters(**parameters)
    left = around.folder / "processed" / "100009" / "swf.100009.000001.rec.root"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"needed")
    around.monitor.answers["POST", "files/needed/"] = (200, {"needed": [True]})
    around.monitor.answers["GET", FILES] = (200, [{"status": "registered", "metadata": None}])
    bench = around.start(ExampleProcessingAgent)
    bench.deliver(around.ready_file())
    bench.acknowledged()
    (row,) = around.rows("PATCH", FILES)
    assert row["status"] == "failed"
    assert reason in row["metadata"]["failure"]
    assert left.exists()


def test_stfs_of_executions_without_processing_are_left_alone(around: Surroundings) -> None:
    around.resolved(agents={"data": {"enabled": True}, "processing": {"enabled": False}})
    bench = around.start(ExampleProcessingAgent)
    bench.deliver(around.ready_file())
    bench.acknowledged()
    assert around.rows("PATCH", FILES) == []
    assert bench.sent() == []


def test_a_refused_record_refuses_the_message(around: Surroundings) -> None:
    around.parameters()
    bench = around.start(ExampleProcessingAgent)
    around.monitor.answers["PATCH", FILES] = (400, {"stf_filename": "is not known"})
    bench.deliver(around.ready_file())
    assert bench.refused() == ["ack-1"]
    assert bench.sent() == []
