"""Results of slices on a real database: each slice counts once, all or nothing is stored."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.test_rest_records import make_run
from tests.rest import Api

SLICES = 6
RESULTS = "tf-slices/results/"


class Run:
    """A run with one STF, one TF sample of it, and its slices."""

    def __init__(self, agent: Api) -> None:
        self.agent = agent
        self.number = make_run(agent)
        stf = f"swf.{self.number}.000001.stf"
        self.sample = f"swf.{self.number}.000001_tf_001.tf"
        agent.post("stf-files/", [{"run_number": self.number, "stf_filename": stf}])
        part = {"tf_filename": self.sample, "tf_first": 0, "tf_last": 11, "tf_count": 12}
        agent.post("fastmon-files/", [{"stf_file": stf, **part}])
        ranges = [(2 * key, 2 * key + 1) for key in range(SLICES)]
        rows = [
            {
                "tf_filename": self.sample,
                "slice_id": key,
                "tf_first": first,
                "tf_last": last,
                "tf_count": 2,
            }
            for key, (first, last) in enumerate(ranges)
        ]
        assert agent.post("tf-slices/", rows).status_code == 201

    def done(self, key: int, **changes: Any) -> dict[str, Any]:
        """A result that completes a slice, with as many hits as its number."""
        axis = {"type": "regular", "lower": 0, "upper": 1, "bins": SLICES}
        histogram = {
            "uhi_schema": 1,
            "axes": [{**axis, "underflow": False, "overflow": False}],
            "storage": {"type": "int", "values": [key], "index": [[key]]},
            "metadata": {},
        }
        return {
            "tf_filename": self.sample,
            "slice_id": key,
            "attempt": 0,
            "status": "completed",
            "hit_count": key,
            "cluster_count": 1,
            "histograms": {"hits": histogram},
            **changes,
        }

    def failed(self, key: int, attempt: int, status: str = "queued") -> dict[str, Any]:
        common = {"tf_filename": self.sample, "slice_id": key, "attempt": attempt}
        return {**common, "status": status, "error": f"reason {attempt}"}

    def send(self, *rows: dict[str, Any]) -> list[Any]:
        answer = self.agent.post(RESULTS, list(rows))
        assert answer.status_code == 200, answer.text
        stored: list[Any] = answer.json()
        return stored

    @property
    def total(self) -> Any:
        rows = self.agent.get("run-histograms/", run_number=self.number)
        return rows[0] if rows else None

    def slice(self, key: int) -> Any:
        (row,) = self.agent.get("tf-slices/", tf_filename=self.sample, slice_id=key)
        return row


@pytest.fixture
def run(agent: Api) -> Run:
    return Run(agent)


def new_execution(agent: Api, **facts: Any) -> str:
    """Record an execution; its id."""
    definition = agent.post(
        "workflow-definitions/",
        {
            "workflow_name": f"w{make_run(agent)}",
            "version": "1",
            "workflow_type": "simulation",
            "definition": "a",
            "created_by": "me",
        },
    ).json()["id"]
    key = f"w-me-{make_run(agent)}"
    body = {
        "execution_id": key,
        "workflow_definition": definition,
        "parameter_values": {},
        "status": "running",
        "start_time": "2026-01-01T00:00:00",
        "executed_by": "me",
        **facts,
    }
    assert agent.post("workflow-executions/", body).status_code == 201
    return key


def check_whole(run: Run) -> None:
    total = run.total
    assert (total["slices"], total["tfs"]) == (SLICES, 2 * SLICES)
    assert (total["hits"], total["clusters"]) == (sum(range(SLICES)), SLICES)
    assert total["histograms"]["hits"]["storage"]["values"] == list(range(SLICES))


def test_a_slice_that_was_set_back_counts_once_all_the_same(run: Run) -> None:
    run.send(*(run.done(key) for key in range(SLICES)))
    back = {"status": "queued", "retries": 0, "completed_at": None, "metadata": None}
    one, two = run.slice(1)["id"], run.slice(2)["id"]
    assert run.agent.patch(f"tf-slices/{one}/", {**back, "counted": False}).status_code == 200
    changes = [{"id": two, "status": "processing", "retries": 0}]
    assert run.agent.patch("tf-slices/", changes).status_code == 200
    assert [run.slice(key)["status"] for key in (1, 2)] == ["queued", "processing"]
    again = run.send(run.done(1), run.done(2))
    assert [row["status"] for row in again] == ["completed", "completed"]
    check_whole(run)


def test_results_add_up_in_any_order_and_however_often_they_come(run: Run) -> None:
    rows = [run.done(key) for key in range(SLICES)] * 3
    random.Random(1).shuffle(rows)
    for first in range(0, len(rows), 5):
        run.send(*rows[first : first + 5])
    check_whole(run)
    assert {run.slice(key)["status"] for key in range(SLICES)} == {"completed"}


def test_results_that_come_at_the_same_time_add_up(run: Run) -> None:
    rows = [run.done(key) for key in range(SLICES)] * 4
    random.Random(2).shuffle(rows)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run.send, rows))
    check_whole(run)


def test_a_failure_counts_for_its_own_try_alone_and_keeps_its_reason(run: Run) -> None:
    (after,) = run.send(run.failed(1, 0))
    assert (after["status"], after["retries"]) == ("queued", 1)
    run.send(run.failed(1, 0), run.failed(1, 0))
    run.send(run.failed(1, 1), run.failed(1, 2, "failed"))
    row = run.slice(1)
    assert (row["status"], row["retries"]) == ("failed", 2)
    assert row["metadata"]["failures"] == ["reason 0", "reason 1", "reason 2"]
    assert run.total is None


def test_a_success_after_failures_completes_the_slice_for_good(run: Run) -> None:
    run.send(run.failed(2, 0), run.done(2, attempt=1))
    run.send(run.failed(2, 1, "failed"))
    run.send(run.failed(3, 0, "failed"))
    run.send(run.done(3))
    for key in (2, 3):
        row = run.slice(key)
        assert row["status"] == "completed"
        assert row["completed_at"] is not None
    assert run.total["slices"] == 2


def test_the_counts_of_the_runs_state_follow(run: Run, agent: Api) -> None:
    state = {
        "run_number": run.number,
        "phase": "physics",
        "state": "running",
        "state_changed_at": "2026-01-01T00:00:00Z",
    }
    assert agent.post("run-states/", state).status_code == 201
    run.send(run.done(0), run.done(1), run.failed(2, 0, "failed"))
    row = agent.get(f"run-states/{run.number}/")
    counts = [row[f"slices_{name}"] for name in ("created", "completed", "failed", "queued")]
    assert counts == [SLICES, 2, 1, SLICES - 3]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no such slice": ({"slice_id": 99}, "slice_id"),
    "no such file": ({"tf_filename": "nowhere.tf"}, "slice_id"),
    "no histograms": ({"histograms": 7}, "histograms"),
    "no form": ({"histograms": {"hits": {}}}, "histograms"),
    "another histogram": ({"histograms": {}}, "histograms"),
    "hits below zero": ({"hit_count": -1}, "hit_count"),
    "a status": ({"status": "processing"}, "status"),
    "an attempt": ({"attempt": -1}, "attempt"),
}


@pytest.mark.parametrize(("changes", "named"), BAD.values(), ids=BAD)
def test_one_bad_result_is_named_and_none_is_stored(
    run: Run, changes: dict[str, Any], named: str
) -> None:
    run.send(run.done(5))
    answer = run.agent.post(RESULTS, [run.done(0), run.done(1, **changes)])
    assert answer.status_code == 400
    assert named in answer.text
    assert run.slice(0)["status"] == "queued"
    assert run.total["slices"] == 1


def test_a_completed_slice_needs_its_counts(run: Run) -> None:
    row = {"tf_filename": run.sample, "slice_id": 0, "attempt": 0, "status": "completed"}
    answer = run.agent.post(RESULTS, [row])
    assert answer.status_code == 400
    assert "histograms" in answer.text


def test_a_viewer_stores_no_results(viewer: Api) -> None:
    assert viewer.post(RESULTS, []).status_code == 403


def test_metrics_of_an_execution_are_merged(agent: Api) -> None:
    key = new_execution(agent)
    for metrics in ({"stf_generated": 5}, {"fast_processing": {"hits": 7}}):
        agent.patch(f"workflow-executions/{key}/", {"performance_metrics": metrics})
    row = agent.get(f"workflow-executions/{key}/")
    assert row["performance_metrics"] == {"stf_generated": 5, "fast_processing": {"hits": 7}}


PROCESSING = {"metadata": {"processed_by": "p"}}
FASTMON = {"metadata": {"sampled_by": "f"}}
FAILED_PROCESSING = {**PROCESSING, "status": "failed"}
FAILED_FASTMON = {**FASTMON, "status": "failed"}
PROCESSED = {**PROCESSING, "status": "processed"}
MARKS: dict[str, tuple[list[dict[str, Any]], tuple[str, int]]] = {
    "processing fails": ([FAILED_PROCESSING], ("failed", 0)),
    "processing fails first": ([FAILED_PROCESSING, FASTMON], ("failed", 1)),
    "processing fails last": ([FASTMON, FAILED_PROCESSING], ("failed", 1)),
    "sampling fails": ([FAILED_FASTMON], ("failed", 1)),
    "sampling fails first": ([FAILED_FASTMON, PROCESSED], ("failed", 1)),
    "sampling fails last": ([PROCESSED, FAILED_FASTMON], ("failed", 1)),
    "both fail": ([FAILED_FASTMON, FAILED_PROCESSING], ("failed", 1)),
    "registration fails": ([{"status": "failed"}], ("failed", 1)),
    "registration fails with a reason": (
        [{"status": "failed", "metadata": {"failure": "why"}}],
        ("failed", 1),
    ),
    "processed alone": ([PROCESSED], ("processed", 0)),
    "nobody fails": ([FASTMON, PROCESSED], ("processed", 1)),
}


@pytest.mark.parametrize(("changes", "counted"), MARKS.values(), ids=MARKS)
def test_a_failure_counts_whatever_the_other_agent_does_and_sampling_by_its_own_mark(
    run: Run, agent: Api, changes: list[dict[str, Any]], counted: tuple[str, int]
) -> None:
    key = new_execution(agent, run_number=run.number)
    stf = f"swf.{run.number}.000001.stf"
    for change in changes:
        assert agent.patch("stf-files/", [{"stf_filename": stf, **change}]).status_code == 200
    progress = agent.get(f"workflow-executions/{key}/progress/")
    status, sampled = counted
    counts = {name: progress["stf"][name] for name in ("processed", "failed")}
    assert counts == {"processed": 0, "failed": 0, status: 1}
    assert progress["stf_sampled"] == sampled
