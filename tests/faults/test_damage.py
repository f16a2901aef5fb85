"""STF files that are damaged in mid-run: those fail with the reason, all others are processed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.engine import docker
from tests.rest import Api
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

TRUNCATE = "import os, sys; os.truncate(sys.argv[1], os.path.getsize(sys.argv[1]) // 2)"
FLIP = """
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(1000)
    byte = file.read(1)[0]
    file.seek(1000)
    file.write(bytes([byte ^ 1]))
"""


def test_stfs_that_are_damaged_in_mid_run_fail_and_all_others_are_processed(
    stack: TestbedStack, viewer: Api, run_with: Callable[[Callable[[], object]], tuple[int, Any]]
) -> None:
    damaged: list[str] = []

    def announced(msg_type: str) -> list[str]:
        (execution,) = viewer.get("workflow-executions/", status="running")
        wanted = {"execution_id": execution["execution_id"], "message_type": msg_type}
        rows = viewer.get("workflow-messages/", **wanted)
        return [row["message_content"]["file_url"] for row in rows]

    def damage() -> None:
        """While the data agent stands still, two files that it has not seen are damaged."""
        docker("pause", stack.container_id("example-data-agent"))
        try:
            seen = set(announced("stf_gen"))
            # the first ones may have been verified before they were recorded
            eventually(lambda: len(set(announced("stf_gen")) - seen) >= 4, "four more STFs", 20)
            unseen = sorted(set(announced("stf_gen")) - seen)[-2:]
            for url, script in zip(unseen, (TRUNCATE, FLIP), strict=True):
                path = url.removeprefix("file://")
                runner = stack.container_id("workflow-runner")
                docker("exec", runner, "python3", "-c", script, path)
                damaged.append(path.rpartition("/")[2])
        finally:
            docker("unpause", stack.container_id("example-data-agent"))

    code, report = run_with(damage)
    assert (code, report["status"]) == (6, "completed")
    assert report["reason"] == "completed; 2 STFs failed"
    assert report["stf"] == {"generated": 30, "registered": 30, "processed": 28, "failed": 2}
    rows = viewer.get("stf-files/", run_number=report["run_id"], status="failed")
    reasons = {row["stf_filename"]: row["metadata"]["failure"] for row in rows}
    truncated, flipped = damaged
    assert set(reasons) == {truncated, flipped}
    assert "bytes, announced were" in reasons[truncated]
    assert "has checksum" in reasons[flipped]
    told = viewer.get(
        "workflow-messages/", execution_id=report["execution_id"], message_type="stf_failed"
    )
    assert {row["message_content"]["filename"] for row in told} == set(damaged)
