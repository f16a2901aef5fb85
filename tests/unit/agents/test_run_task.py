"""The processing task of a run: opened with it, finished with its last STF."""

from __future__ import annotations

from typing import Any

import pytest

from agents.programs.example_processing_agent.agent import ExampleProcessingAgent
from tests.unit.agents.bench import Bench
from tests.unit.agents.surroundings import END_RUN, EXECUTION, RUN_IMMINENT, Surroundings
from tests.unit.testbed.monitor_server import Request

PATH = f"workflow-executions/{EXECUTION}/"


class Tasks:
    """The agent, and an execution that wants a task. The monitor keeps what is written, key by
    key.

    :ivar meanwhile: what another replica writes after the agent has read and before it writes
    """

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.metrics: dict[str, Any] = {}
        self.meanwhile: dict[str, Any] = {}
        around.parameters(task_per_run=True)
        around.monitor.answers["GET", PATH][1]["performance_metrics"] = self.metrics
        around.monitor.on_request = self._keep
        self.progress()
        self.bench: Bench = around.start(ExampleProcessingAgent)
        self._sent = 0

    def _keep(self, request: Request) -> None:
        if (request.method, request.path) == ("PATCH", PATH):
            self.metrics.update(self.meanwhile)
            self.meanwhile = {}
            self.metrics.update(request.body["performance_metrics"])

    def progress(self, processed: int = 0, failed: int = 0, total: int | None = None) -> None:
        stf = {"generated": 3, "registered": 3, "processed": processed, "failed": failed}
        answer = {"stf": stf, "total_stf_files": total, "outputs": {"files": processed}}
        self.around.monitor.answers["GET", f"{PATH}progress/"] = (200, answer)

    def after(self, message: dict[str, Any]) -> dict[str, Any]:
        """The task after a message is handled."""
        self._sent += 1
        self.bench.deliver(message, self._sent)
        self.bench.acknowledged(self._sent)
        task: dict[str, Any] = self.metrics["task"]
        return dict(task)


@pytest.fixture
def tasks(around: Surroundings) -> Tasks:
    return Tasks(around)


def test_a_task_opens_with_the_dataset_of_its_run(tasks: Tasks) -> None:
    task = tasks.after(RUN_IMMINENT)
    assert (task["status"], task["task_id"]) == ("open", f"{EXECUTION}-processing")
    assert task["input_dataset"] == RUN_IMMINENT["dataset"]
    assert task["output_dataset"] == "swf.100010.processed"
    assert task["opened_at"]
    assert (task["closed_at"], task["finished_at"], task["total_stf_files"]) == (None, None, None)


def test_a_task_that_is_opened_twice_is_opened_once(tasks: Tasks) -> None:
    first = tasks.after(RUN_IMMINENT)
    assert tasks.after(RUN_IMMINENT) == first


def test_a_task_counts_what_is_recorded(tasks: Tasks) -> None:
    tasks.after(RUN_IMMINENT)
    tasks.progress(processed=1)
    task = tasks.after(tasks.around.ready_file())
    assert task["status"] == "open"
    assert task["stf"] == {"registered": 3, "processed": 1, "failed": 0}
    assert task["outputs"] == {"files": 1}


@pytest.mark.parametrize(("failed", "status"), [(0, "finished"), (1, "failed")])
def test_a_task_is_closed_with_its_run_and_ends_with_its_last_stf(
    tasks: Tasks, failed: int, status: str
) -> None:
    tasks.after(RUN_IMMINENT)
    task = tasks.after({**END_RUN, "total_stf_files": 2})
    assert (task["status"], task["total_stf_files"]) == ("closed", 2)
    assert task["closed_at"] == END_RUN["timestamp"]
    assert task["finished_at"] is None
    tasks.progress(processed=2 - failed, failed=failed)
    task = tasks.after(tasks.around.ready_file())
    assert task["status"] == status
    assert task["finished_at"]


def test_a_damaged_stf_that_is_the_last_one_ends_the_task(tasks: Tasks) -> None:
    tasks.progress(processed=2)
    tasks.after({**END_RUN, "total_stf_files": 3})
    tasks.progress(processed=2, failed=1)
    failed = {**RUN_IMMINENT, "msg_type": "stf_failed", "reason": "it is damaged"}
    task = tasks.after({**failed, "filename": "swf.100010.000003.stf", "processed_by": "data"})
    assert task["status"] == "failed"


def test_an_agent_that_missed_the_end_of_the_run_learns_of_it_from_the_records(
    tasks: Tasks,
) -> None:
    tasks.progress(processed=3, total=3)
    assert tasks.after(tasks.around.ready_file())["status"] == "finished"


def test_a_replica_that_read_the_task_before_another_closed_it_does_not_open_it_again(
    tasks: Tasks,
) -> None:
    opened = tasks.after(RUN_IMMINENT)
    tasks.progress(processed=1)
    closing = {"closed_at": END_RUN["timestamp"], "total_stf_files": 3}
    closed = {**opened, **closing, "status": "closed"}
    tasks.meanwhile = {"task_closing": closing, "task": closed}
    task = tasks.after(tasks.around.ready_file())
    assert (task["status"], task["closed_at"]) == ("closed", END_RUN["timestamp"])
    assert (task["total_stf_files"], task["stf"]["processed"]) == (3, 1)


def test_a_task_that_is_up_to_date_is_not_written(tasks: Tasks) -> None:
    tasks.after(RUN_IMMINENT)
    written = len(tasks.around.monitor.of("PATCH", PATH))
    tasks.after(RUN_IMMINENT)
    assert len(tasks.around.monitor.of("PATCH", PATH)) == written == 1


def test_an_execution_that_wants_no_task_has_none(around: Surroundings) -> None:
    around.parameters()
    bench = around.start(ExampleProcessingAgent)
    for number, message in enumerate([RUN_IMMINENT, around.ready_file(), END_RUN], 1):
        bench.deliver(message, number)
        bench.acknowledged(number)
    assert around.monitor.of("PATCH", PATH) == []
