"""The fastmon agent: samples that are files, registered once and announced."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from agents.data.files import verify
from agents.data.frame_file import FrameReader
from agents.data.sampling import samples
from agents.programs.example_fastmon_agent.agent import ExampleFastmonAgent
from swf_common.configuration.groups import Sampling
from tests.unit.agents.bench import Bench
from tests.unit.agents.surroundings import Surroundings

STFS = "stf-files/"
SAMPLES = "fastmon-files/"
SPACE = UUID(int=1)


@pytest.fixture
def bench(around: Surroundings) -> Bench:
    """The agent, and a monitor that gives every sample a key."""
    around.tf_count = 100
    around.parameters()
    names = [
        sample.filename
        for sequence in (1, 2)
        for sample in samples(Sampling(), f"swf.100010.{sequence:06d}.stf", 100010, sequence, 100)
    ]
    stored = [{"tf_filename": name, "tf_file_id": str(uuid5(SPACE, name))} for name in names]
    around.monitor.answers["POST", SAMPLES] = (201, stored)
    return around.start(ExampleFastmonAgent)


def test_an_stf_gives_seven_samples_that_are_written_registered_and_announced(
    bench: Bench, around: Surroundings
) -> None:
    ready = around.ready_file()
    bench.deliver(ready)
    bench.acknowledged()
    expected = samples(Sampling(), ready["filename"], 100010, 1, 100)
    announced = bench.sent()
    assert [one["tf_filename"] for one in announced] == [one.filename for one in expected]
    for one, sample, row in zip(announced, expected, around.rows("POST", SAMPLES), strict=True):
        path = Path(one["file_url"].removeprefix("file://"))
        verify(path, one["file_size_bytes"], one["checksum"])
        with FrameReader(path) as reader:
            assert (reader.tf_first, reader.tf_last) == (sample.tf_first, sample.tf_last)
        assert one["tf_file_id"] == str(uuid5(SPACE, sample.filename))
        assert (one["execution_id"], one["run_id"]) == (ready["execution_id"], "100010")
        same = ("tf_filename", "tf_first", "tf_last", "tf_count", "file_size_bytes", "checksum")
        assert {name: one[name] for name in same} == {name: row[name] for name in same}
        assert row["stf_file"] == one["stf_filename"] == ready["filename"]
    (change,) = around.rows("PATCH", STFS)
    assert (change["stf_filename"], change["metadata"]["tf_files"]) == (ready["filename"], 7)


def test_an_stf_that_comes_again_gives_the_same_samples_and_messages(
    bench: Bench, around: Surroundings
) -> None:
    ready = around.ready_file()
    bench.deliver(ready, 1)
    bench.acknowledged(1)
    bench.deliver(ready, 2)
    bench.acknowledged(2)
    unstamped = [
        {name: value for name, value in one.items() if name != "timestamp"} for one in bench.sent()
    ]
    assert unstamped[:7] == unstamped[7:]
    rows = around.rows("POST", SAMPLES)
    assert rows[:7] == rows[7:]


def test_an_stf_that_is_not_sampled_is_marked_as_such(bench: Bench, around: Surroundings) -> None:
    around.parameters(stf_sampling_rate=0.0)
    bench.deliver(around.ready_file())
    bench.acknowledged()
    (change,) = around.rows("PATCH", STFS)
    assert change["metadata"]["tf_files"] == 0
    assert (around.rows("POST", SAMPLES), bench.sent()) == ([], [])


@pytest.mark.parametrize("damage", [{"checksum": "sha256:00"}, {"file_url": "file:///nowhere"}])
def test_a_damaged_stf_is_failed_with_the_reason_and_the_next_one_sampled(
    bench: Bench, around: Surroundings, damage: dict[str, Any]
) -> None:
    bench.deliver(around.ready_file(1, **damage), 1)
    bench.deliver(around.ready_file(2), 2)
    bench.acknowledged(2)
    failed, fine = around.rows("PATCH", STFS)
    assert failed["status"] == "failed"
    assert failed["metadata"]["failure"]
    assert fine["metadata"]["tf_files"] == 7
    assert {one["stf_filename"] for one in bench.sent()} == {fine["stf_filename"]}


def test_the_configuration_says_how_much_is_sampled(bench: Bench, around: Surroundings) -> None:
    around.parameters(tf_files_per_stf=2, tf_size_fraction=0.5)
    bench.deliver(around.ready_file())
    bench.acknowledged()
    assert len(bench.sent()) == 2
    assert sum(one["tf_count"] for one in bench.sent()) > 30


def test_settings_that_make_no_sense_fail_the_stf_and_say_why(
    bench: Bench, around: Surroundings
) -> None:
    around.parameters(tf_files_per_stf=0)
    bench.deliver(around.ready_file())
    bench.acknowledged()
    (change,) = around.rows("PATCH", STFS)
    assert change["status"] == "failed"
    assert "tf_files_per_stf" in change["metadata"]["failure"]


@pytest.mark.parametrize(
    ("agents", "count"),
    [
        ({}, 7),
        ({"fastmon": {"enabled": True, "program": None}}, 7),
        ({"mine": {"enabled": True, "program": "example-agent"}}, 7),
        ({"fastmon": {"enabled": False, "program": None}}, 0),
        ({"fastmon": {"enabled": True, "program": "another-agent"}}, 0),
        ({"data": {"enabled": True, "program": None}}, 0),
    ],
)
def test_stfs_of_executions_without_fast_monitoring_are_left_alone(
    bench: Bench, around: Surroundings, agents: dict[str, Any], count: int
) -> None:
    around.resolved(agents=agents)
    bench.deliver(around.ready_file())
    bench.acknowledged()
    assert len(bench.sent()) == count
    assert len(around.rows("PATCH", STFS)) == min(count, 1)


def test_an_stf_that_comes_again_after_its_file_was_removed_stays_sampled(
    bench: Bench, around: Surroundings
) -> None:
    ready = around.ready_file()
    bench.deliver(ready, 1)
    bench.acknowledged(1)
    (change,) = around.rows("PATCH", STFS)
    rows = around.rows("POST", SAMPLES)
    around.monitor.answers["GET", STFS] = (200, [change])
    around.monitor.answers["GET", SAMPLES] = (200, rows)
    Path(ready["file_url"].removeprefix("file://")).unlink()
    bench.deliver(ready, 2)
    bench.acknowledged(2)
    assert around.rows("PATCH", STFS) == [change, change]
    announced = [{**one, "timestamp": ""} for one in bench.sent()]
    assert announced[:7] == announced[7:]


def test_a_volume_that_is_full_of_needed_samples_fails_the_stf_and_says_so(
    bench: Bench, around: Surroundings
) -> None:
    around.parameters(tf_samples_limit_mb=1e-6)
    left = around.folder / "tf-samples" / "100009" / "swf.100009.000001_tf_001.tf"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"needed")
    around.monitor.answers["POST", "files/needed/"] = (200, {"needed": [True]})
    around.monitor.answers["GET", STFS] = (200, [{"status": "registered", "metadata": None}])
    bench.deliver(around.ready_file())
    bench.acknowledged()
    (change,) = around.rows("PATCH", STFS)
    assert change["status"] == "failed"
    assert "its files are needed" in change["metadata"]["failure"]
    assert left.exists()
