"""`testbed run prompt_processing`: every STF is processed whole, as one task of the run."""

from __future__ import annotations

from pathlib import Path

import uproot

from agents.data.files import verify
from testbed.integration import TestbedStack
from tests.engine import docker
from tests.rest import Api

COUNTS = ("tf_count", "hit_count", "cluster_count")


def test_a_run_is_one_task_whose_outputs_hold_what_is_in_its_stfs(
    stack: TestbedStack, viewer: Api, tmp_path: Path
) -> None:
    report = stack.run("prompt_processing", "--no-realtime", "--set=stf_content.tf_count=200")
    assert report["stf"] == {"generated": 3, "registered": 3, "processed": 3, "failed": 0}
    run_id = report["run_id"]
    for program, folder in (
        ("workflow-runner", "daq"),
        ("example-processing-agent", "processed"),
    ):
        source = f"{stack.container_id(program)}:/data/{folder}/{run_id}"
        docker("cp", source, str(tmp_path / folder))
    sums = dict.fromkeys(("files", "size_bytes", "hits", "clusters"), 0)
    for row in viewer.get("stf-files/", run_number=run_id):
        facts = row["metadata"]
        (output,) = facts["outputs"]
        path = tmp_path / "processed" / output["filename"]
        verify(path, output["size_bytes"], output["checksum"])
        with uproot.open(tmp_path / "daq" / row["stf_filename"]) as stf:
            hits = int(stf["time_frames"]["nhits"].array(library="np").sum())
        with uproot.open(path) as root:
            sizes = root["clusters"]["clusters_size"].array()
            clusters = int(root["clusters"]["nclusters"].array(library="np").sum())
        assert tuple(facts[name] for name in COUNTS) == (200, hits, clusters)
        assert sum(map(sum, sizes.tolist())) == hits, "every hit is in one cluster"
        found = (1, output["size_bytes"], hits, clusters)
        sums = {name: sums[name] + more for name, more in zip(sums, found, strict=True)}
    execution = viewer.get(f"workflow-executions/{report['execution_id']}/")
    task = execution["performance_metrics"]["task"]
    assert (task["status"], task["total_stf_files"]) == ("finished", 3)
    assert task["stf"] == {"registered": 3, "processed": 3, "failed": 0}
    assert task["outputs"] == sums
    assert task["output_dataset"] == f"swf.{run_id}.processed"
    assert task["opened_at"] < task["finished_at"]
