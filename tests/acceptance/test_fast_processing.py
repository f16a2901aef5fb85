"""`testbed run fast_processing`: from STFs to histograms, with counts conserved; an agent that is
killed in mid-run changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import uproot

from agents.data.clustering import find_clusters
from agents.data.frame_file import FrameReader
from agents.data.generation import generate
from agents.data.histograms import HistogramSet
from agents.data.sampling import samples
from agents.data.time_frames import TimeFrames
from swf_common.configuration.groups import Clustering, Hits, Sampling, StfContent
from testbed.integration import TestbedStack
from tests.engine import docker
from tests.rest import Api
from tests.stacks import running
from tests.waiting import eventually

STFS = 3
TFS_PER_SLICE = 4
TRANSFORMERS = 3
TFS_PER_STF = 300
SHORT = (
    f"--set=fast_processing.stf_count={STFS}",
    f"--set=fast_processing.num_tf_per_slice={TFS_PER_SLICE}",
    f"--set=agents.transformer.replicas={TRANSFORMERS}",
    f"--set=expect.stf_registered={STFS}",
    f"--set=stf_content.tf_count={TFS_PER_STF}",
)
DEFAULTS = ("processing", "data")


@pytest.fixture(scope="module")
def stack() -> Iterator[TestbedStack]:
    """A backend without agents: each run starts those that it needs."""
    overrides = tuple(f"agents.{key}.enabled=false" for key in DEFAULTS)
    with running(overrides=overrides) as stack:
        yield stack


@pytest.fixture
def viewer(stack: TestbedStack) -> Api:
    return Api(stack, "viewer")


def copied(stack: TestbedStack, program: str, source: str, folder: Path) -> list[Path]:
    """The files of a folder, copied out of a program's container."""
    container = stack.container_id(program)
    docker("cp", f"{container}:{source}", str(folder))
    return sorted(path for path in (folder / Path(source).name).iterdir() if path.suffix)


def sizes(stack: TestbedStack, program: str, folder: str) -> dict[str, int]:
    """Name and size of every file below a folder of a program's container."""
    script = f"find {folder} -type f -printf '%f %s\\n'"
    lines = docker("exec", stack.container_id(program), "sh", "-c", script).splitlines()
    return {name: int(size) for name, size in map(str.split, lines)}


def total_of(parts: Iterable[TimeFrames]) -> HistogramSet:
    """The histograms of time frames, computed here, and of each sample as a whole."""
    settings = Hits()
    total = HistogramSet.empty(settings)
    for frames in parts:
        total.fill(settings, frames, find_clusters(frames, Clustering()))
    return total


def read(path: Path) -> TimeFrames:
    with FrameReader(path) as reader:
        return reader.read()


def made_again(run_id: str) -> Iterator[TimeFrames]:
    """The sampled time frames of a run, made from seed, run and sequence number alone."""
    for sequence in range(1, STFS + 1):
        frames = generate(StfContent(tf_count=TFS_PER_STF), int(run_id), sequence)
        name = f"swf.{run_id}.{sequence:06d}.stf"
        for one in samples(Sampling(), name, int(run_id), sequence, TFS_PER_STF):
            yield frames.select(one.tf_first, one.tf_last)


def hits_in(stfs: list[Path], registered: list[Any]) -> int:
    """The hits of the sampled time frames, counted in the STF files with uproot alone."""
    hits = 0
    for path in stfs:
        with uproot.open(path) as root:
            per_tf = root["time_frames"]["nhits"].array(library="np")
        assert len(per_tf) == TFS_PER_STF
        for row in registered:
            if row["stf_file"] == path.name:
                hits += int(per_tf[row["tf_first"] : row["tf_last"] + 1].sum())
    return hits


def check_conserved(stack: TestbedStack, viewer: Api, report: Any, folder: Path) -> None:
    """Every STF was sampled, and every TF of a sample is in one slice and in the histograms, which
    are those that the seed gives, bin for bin.
    """
    (folder / "stfs").mkdir()
    (folder / "tfs").mkdir()
    assert report["status"] == "completed", report
    run_id = report["run_id"]
    assert report["stf"] == {"generated": STFS, "registered": STFS, "processed": 0, "failed": 0}
    registered = viewer.get("fastmon-files/", run_number=run_id)
    per_stf = Counter(row["stf_file"] for row in registered)
    assert (len(per_stf), set(per_stf.values())) == (STFS, {7})
    assert report["tf_files"] == 7 * STFS

    wanted = sum(ceil(row["tf_count"] / TFS_PER_SLICE) for row in registered)
    assert report["slices"] == {"created": wanted, "completed": wanted, "failed": 0}
    rows = viewer.get("tf-slices/", run_number=run_id)
    assert Counter(row["status"] for row in rows) == {"completed": wanted}
    sampled = sum(row["tf_count"] for row in registered)
    progress = viewer.get(f"workflow-executions/{report['execution_id']}/progress/")
    assert progress["tfs"] == {"sampled": sampled, "in_slices": sampled, "in_results": sampled}
    spans = [progress[name] for name in ("latency_to_slice_s", "latency_to_result_s")]
    assert progress["latency_s"]["max"] >= progress["latency_s"]["p50"] > 0
    assert all(progress["latency_s"]["max"] >= span["max"] > 0 for span in spans)

    stfs = copied(stack, "workflow-runner", f"/data/daq/{run_id}", folder / "stfs")
    files = copied(stack, "example-fastmon-agent", f"/data/tf-samples/{run_id}", folder / "tfs")
    expected = total_of(map(read, files))
    assert (len(stfs), len(files)) == (STFS, 7 * STFS)
    assert hits_in(stfs, registered) == expected.hits
    assert total_of(made_again(run_id)).to_uhi() == expected.to_uhi()
    (stored,) = viewer.get("run-histograms/", run_number=run_id)
    found = HistogramSet.from_uhi(stored["histograms"])
    assert found.to_uhi() == expected.to_uhi()
    counts = [stored[name] for name in ("slices", "tfs", "hits", "clusters")]
    assert counts == [wanted, sampled, expected.hits, expected.clusters]
    execution = viewer.get(f"workflow-executions/{report['execution_id']}/")
    measured = execution["performance_metrics"]["fast_processing"]
    names = ("latency_s", "latency_to_slice_s", "latency_to_result_s", "slices_per_s")
    assert measured["hits"] == expected.hits
    assert {name: measured[name] for name in names} == {name: progress[name] for name in names}
    assert execution["performance_metrics"]["stf_generated"] == STFS


def test_counts_are_conserved_from_stfs_to_histograms(
    stack: TestbedStack, viewer: Api, tmp_path: Path
) -> None:
    report = stack.run("fast_processing", *SHORT, "--no-realtime")
    check_conserved(stack, viewer, report, tmp_path)

    def counted() -> int:
        rows = viewer.get("workers/", run_number=report["run_id"])
        return sum(row["slices_completed"] for row in rows)

    wanted = report["slices"]["completed"]
    eventually(lambda: counted() == wanted, "the records of the workers count every slice", 10)
    workers = viewer.get("workers/", run_number=report["run_id"])
    assert 1 <= len(workers) <= TRANSFORMERS
    assert {row["status"] for row in workers} == {"ended"}
    events = viewer.get("system-state-events/", run_number=report["run_id"])
    assert [row["event_type"] for row in events] == ["run_imminent", "start_run", "end_run"]


@pytest.mark.parametrize(
    "program", ["transformer", "example-fast-processing-agent", "example-fastmon-agent"]
)
def test_an_agent_killed_in_mid_run_changes_nothing(
    stack: TestbedStack, viewer: Api, tmp_path: Path, program: str
) -> None:
    slow = "--set=fast_processing.slice_processing_time=0.5"
    before = {row["run_number"] for row in viewer.get("run-histograms/")}

    def in_the_middle() -> bool:
        rows = viewer.get("run-histograms/")
        return any(row["slices"] >= 5 for row in rows if row["run_number"] not in before)

    with stack.command_in_background(
        "run", "fast_processing", *SHORT, slow, "--json", "--no-realtime"
    ) as process:
        eventually(in_the_middle, "five slices are processed", 90)
        docker("kill", stack.container_id(program))
        output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    report = json.loads(output)
    assert any(program in one["text"] for one in report["incidents"])
    check_conserved(stack, viewer, report, tmp_path)

    def open_workers() -> list[Any]:
        rows = viewer.get("workers/", run_number=report["run_id"])
        return [row for row in rows if row["ended_at"] is None]

    eventually(lambda: not open_workers(), "the records of all workers are ended", 10)


def test_volumes_with_a_limit_lose_files_of_earlier_runs_and_none_that_is_needed(
    stack: TestbedStack, viewer: Api, tmp_path: Path
) -> None:
    volumes = {
        "daq_buffer_limit_mb": ("workflow-runner", "/data/daq"),
        "tf_samples_limit_mb": ("example-fastmon-agent", "/data/tf-samples"),
    }
    stack.run("fast_processing", *SHORT, "--no-realtime")
    before = {name: sizes(stack, *volume) for name, volume in volumes.items()}
    limits = [
        f"--set=retention.{name}={1.1 * sum(files.values()) / 1e6}"
        for name, files in before.items()
    ]
    report = stack.run("fast_processing", *SHORT, *limits, "--no-realtime")
    check_conserved(stack, viewer, report, tmp_path)
    for name, volume in volumes.items():
        after = sizes(stack, *volume)
        oldest = min(before[name])
        assert oldest not in after, name
        assert sum(after.values()) < 1.5 * sum(before[name].values()), name
