"""`testbed run fast_processing`: from STFs to histograms, with counts conserved; an agent that is
killed in mid-run changes nothing.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from agents.data.clustering import ClusteringSettings, find_clusters
from agents.data.frame_file import FrameReader
from agents.data.histograms import HistogramSet, HistogramSettings
from testbed.integration import TestbedStack
from tests.rest import Api
from tests.waiting import eventually

STFS = 3
TFS_PER_SLICE = 4
TRANSFORMERS = 3
SHORT = (
    f"--set=fast_processing.stf_count={STFS}",
    f"--set=fast_processing.num_tf_per_slice={TFS_PER_SLICE}",
    f"--set=agents.transformer.replicas={TRANSFORMERS}",
    f"--set=expect.stf_registered={STFS}",
    "--set=stf_content.tf_count=300",
)
DEFAULTS = ("processing", "data")


@pytest.fixture(scope="module")
def stack() -> Iterator[TestbedStack]:
    """A backend without agents: each run starts those that it needs."""
    overrides = tuple(f"agents.{key}.enabled=false" for key in DEFAULTS)
    with TestbedStack(overrides=overrides) as running:
        yield running


@pytest.fixture
def viewer(stack: TestbedStack) -> Api:
    return Api(stack, "viewer")


def samples_of(stack: TestbedStack, run_id: str, folder: Path) -> list[Path]:
    """The TF samples of a run, copied out of the agent that wrote them."""
    source = f"{stack.container_id('example-fastmon-agent')}:/data/tf-samples/{run_id}"
    subprocess.run(["docker", "cp", source, str(folder)], check=True, capture_output=True)
    return sorted((folder / run_id).glob("*.tf"))


def histograms_of(paths: list[Path]) -> HistogramSet:
    """What is in whole samples, computed here and not slice by slice."""
    settings = HistogramSettings()
    total = HistogramSet.empty(settings)
    for path in paths:
        with FrameReader(path) as reader:
            frames = reader.read()
        total.fill(settings, frames, find_clusters(frames, ClusteringSettings()))
    return total


def check_conserved(stack: TestbedStack, viewer: Api, report: Any, folder: Path) -> None:
    """Every STF was sampled, and every TF of a sample is in one slice and in the histograms."""
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
    assert progress["latency_s"]["max"] >= progress["latency_s"]["p50"] > 0

    expected = histograms_of(samples_of(stack, run_id, folder))
    (stored,) = viewer.get("run-histograms/", run_number=run_id)
    found = HistogramSet.from_uhi(stored["histograms"])
    assert found.to_uhi() == expected.to_uhi()
    counts = [stored[name] for name in ("slices", "tfs", "hits", "clusters")]
    assert counts == [wanted, sampled, expected.hits, expected.clusters]
    execution = viewer.get(f"workflow-executions/{report['execution_id']}/")
    assert execution["performance_metrics"]["fast_processing"]["hits"] == expected.hits
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
        victim = stack.container_id(program)
        subprocess.run(["docker", "kill", victim], check=True, capture_output=True)
        output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    report = json.loads(output)
    assert any(program in incident for incident in report["incidents"])
    check_conserved(stack, viewer, report, tmp_path)
