"""An agent that brings a count of its own along shows up everywhere, without a change of code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.integration import TestbedStack
from tests.mcp_client import McpClient
from tests.rest import Api
from tests.waiting import eventually
from tests.web import Browser

ENABLED = "--set=agents.calibration.enabled=true"
STAGE = "stf.calibrated"


@pytest.fixture(scope="module")
def own() -> Iterator[TestbedStack]:
    """A stack with a calibrator; its pages can be read by anybody."""
    with TestbedStack(
        files=("compose.yaml", "tests/acceptance/calibrator.yaml"),
        overrides=(ENABLED.removeprefix("--set="),),
        environment={"TESTBED_ANONYMOUS_READ": "true"},
    ) as running:
        yield running


def run(own: TestbedStack, *options: str) -> tuple[int, Any, str]:
    """Exit code, report and what was told meanwhile of a run with the calibrator."""
    done = own.command("run", "--no-realtime", "--json", ENABLED, *options)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_stage_of_an_agents_own_stands_in_report_rest_mcp_and_pages(own: TestbedStack) -> None:
    code, report, told = run(own, "--set=stf_count=3")
    assert (code, report["undrained"]) == (0, []), told
    counted = {"done": 3, "failed": 0}
    assert report["stages"] == {
        "stf.generated": counted,
        "stf.registered": counted,
        "stf.processed": counted,
        STAGE: counted,
    }
    assert "3 calibrated" in told
    key = report["execution_id"]
    viewer = Api(own, "viewer")
    assert viewer.get(f"workflow-executions/{key}/progress/")["stages"][STAGE] == counted
    mcp = McpClient(lambda: own.monitor_url, own.session.project.secret("token_viewer"))
    seen = mcp.call("get_workflow_monitor", execution_id=key)
    assert (seen["stages"][STAGE], seen["drained"], seen["open"]) == (counted, True, [])
    page = Browser(own.monitor_url).get(f"/executions/{key}/").text
    assert "<b>3</b><span>STFs calibrated</span>" in page


def test_an_stf_that_fails_at_such_a_stage_fails_the_run(own: TestbedStack) -> None:
    code, report, told = run(own, "--set=stf_count=5")
    assert code == 6, told
    assert report["stages"][STAGE] == {"done": 4, "failed": 1}
    assert "1 STF failed at stf.calibrated" in report["verdict"]


def test_a_run_that_the_monitor_starts_knows_the_stages_from_the_supervisor(
    own: TestbedStack,
) -> None:
    operator = Api(own, "operator")
    agents = {"data": {"enabled": True}, "calibration": {"enabled": True}}
    before = operator.get("workflow-executions/")[0]["parameter_values"]
    answer = operator.post(
        "workflow-executions/start/",
        {
            "workflow_name": "stf_datataking",
            "realtime": False,
            "resolved": {**before, "agents": agents},
        },
    )
    assert answer.status_code == 201, answer.text
    key = answer.json()["execution_id"]
    recorded = operator.get(f"workflow-executions/{key}/")["parameter_values"]["agents"]
    assert {name: (one["program"], one["stages"]) for name, one in recorded.items()} == {
        "data": ("example-data-agent", ["stf.registered"]),
        "calibration": ("calibrator", [STAGE]),
    }

    def ended() -> Any:
        progress = operator.get(f"workflow-executions/{key}/progress/")
        return progress["status"] == "completed" and progress["stages"]

    stages = eventually(ended, "the workflow ends", 60)
    assert set(stages) == {"stf.registered", STAGE}
