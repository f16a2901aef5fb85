"""Our agents beside the predecessor's programs: nothing is refused, what follows is said once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from agents.programs.example_data_agent.agent import ExampleDataAgent
from agents.programs.example_fast_processing_agent.agent import ExampleFastProcessingAgent
from agents.programs.example_fastmon_agent.agent import ExampleFastmonAgent
from agents.programs.example_processing_agent.agent import ExampleProcessingAgent
from agents.programs.transformer.agent import Transformer
from agents.runtime import BaseAgent
from agents.runtime.neighbours import Neighbours
from tests.unit.agents.surroundings import EXECUTION, Surroundings
from tests.unit.stomp_server import StompServer
from tests.unit.swf_common.protocol.test_predecessor import (
    DATASET_READY,
    END_OF_WORKERS,
    RUNNER,
    SAMPLE,
    SLICE,
    SLICE_RESULT,
    STF_READY,
)
from tests.unit.testbed.monitor_server import MonitorServer, Request

EVERYTHING: list[dict[str, Any]] = [
    *RUNNER,
    STF_READY,
    DATASET_READY,
    SAMPLE,
    SLICE,
    SLICE_RESULT,
    END_OF_WORKERS,
]
THEIRS = str(RUNNER[0]["execution_id"])


@pytest.fixture
def theirs(monitor: MonitorServer) -> MonitorServer:
    """A monitor that knows the execution of their run."""
    for execution_id in (THEIRS, DATASET_READY["execution_id"]):
        path = f"workflow-executions/{execution_id}/"
        monitor.answers["GET", path] = (200, {"parameter_values": {}, "performance_metrics": {}})
        monitor.answers["GET", f"{path}progress/"] = (
            200,
            {"slices": {"created": 0, "completed": 0, "failed": 0}},
        )
    monitor.answers["GET", "workflow-executions/"] = (200, [{"execution_id": THEIRS}])
    monitor.answers["POST", "stf-files/"] = (200, [])
    for path in ("system-state-events/", "stf-files/"):
        monitor.answers["GET", path] = (200, [])
    return monitor


@pytest.mark.parametrize(
    "kind",
    [
        ExampleDataAgent,
        ExampleProcessingAgent,
        ExampleFastmonAgent,
        ExampleFastProcessingAgent,
        Transformer,
    ],
)
def test_an_agent_takes_everything_that_its_programs_send(
    kind: type[BaseAgent],
    around: Surroundings,
    server: StompServer,
    theirs: MonitorServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = around.start(kind)
    for number, content in enumerate(EVERYTHING, 1):
        bench.deliver(content, number)
    acknowledged = bench.acknowledged(len(EVERYTHING))
    assert sorted(acknowledged) == sorted(f"ack-{one}" for one in range(1, len(EVERYTHING) + 1))
    assert server.of("NACK") == []
    troubles = [line.getMessage() for line in caplog.records if line.levelname != "INFO"]
    assert troubles == []


def test_an_stf_without_a_file_is_registered_and_announced_and_that_is_said_once(
    around: Surroundings, theirs: MonitorServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bench = around.start(ExampleDataAgent)
    for number in (1, 2, 3):
        bench.deliver(
            {**RUNNER[2], "filename": f"swf.101988.{number:06d}.stf", "sequence": number}, number
        )
    bench.acknowledged(3)
    rows = around.rows("POST", "stf-files/")
    assert [row["status"] for row in rows] == ["registered"] * 3
    assert [row["checksum"] for row in rows] == [None] * 3
    assert [one["msg_type"] for one in bench.sent()] == ["stf_ready"] * 3
    assert "file_url" not in bench.sent()[0]
    notes = [line.getMessage() for line in caplog.records if "without a file" in line.getMessage()]
    assert notes == ["run 101988: STFs come without a file: they are not verified (said once)"]


def test_a_message_that_names_only_its_run_gets_the_execution_of_that_run(
    around: Surroundings, monitor: MonitorServer
) -> None:
    """Their data agent beside our runner: it passes the file on, and neither execution nor TFs."""

    def give_keys(request: Request) -> None:
        if request.path == "fastmon-files/":
            rows = [{**row, "tf_file_id": str(UUID(int=1))} for row in request.body]
            monitor.answers["POST", "fastmon-files/"] = (200, rows)

    monitor.on_request = give_keys
    monitor.answers["GET", "workflow-executions/"] = (200, [{"execution_id": EXECUTION}])
    around.parameters()
    bench = around.start(ExampleFastmonAgent)
    without = {"execution_id": None, "tf_count": None}
    bench.deliver({**around.ready_file(1), **without}, 1)
    bench.deliver({**around.ready_file(2), **without}, 2)
    bench.acknowledged(2)
    asked = monitor.of("GET", "workflow-executions/")
    assert [one.params for one in asked] == [{"run_number": "100010"}]
    rows = around.rows("POST", "fastmon-files/")
    assert {row["metadata"]["execution_id"] for row in rows} == {EXECUTION}
    assert len(rows) == 2


def test_a_message_of_a_run_without_an_execution_is_left_alone_and_that_is_said_once(
    around: Surroundings, theirs: MonitorServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    theirs.answers["GET", "workflow-executions/"] = (200, [])
    bench = around.start(ExampleProcessingAgent)
    for number in (1, 2):
        bench.deliver(STF_READY, number)
    bench.acknowledged(2)
    notes = [line.getMessage() for line in caplog.records if "no execution" in line.getMessage()]
    text = "run 101988: stf_ready names no execution, and none is known (said once)"
    assert notes == [text]


def test_what_is_remembered_of_runs_is_limited(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    neighbours = Neighbours(monitor=None)  # type: ignore[arg-type]
    for run in [*range(1001), 0, 1000]:
        neighbours.note(run, "text")
    assert len(caplog.records) == 1002


def test_a_result_whose_namespace_is_only_a_header_belongs_to_that_namespace(
    around: Surroundings,
) -> None:
    bench = around.start(ExampleFastProcessingAgent)
    bench.deliver({"msg_type": "slice_result", "content": 3}, namespace="torre2")
    assert bench.acknowledged() == ["ack-1"]
    assert bench.agent.foreign_messages == 1
