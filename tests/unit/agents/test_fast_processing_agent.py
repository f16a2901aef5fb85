"""The fast-processing agent: every TF in one slice, every slice sent, tried again, and stored."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from agents.programs.example_fast_processing_agent.agent import ExampleFastProcessingAgent
from swf_common.protocol.destinations import RESULTS as RESULTS_TOPIC
from swf_common.protocol.destinations import SLICES, WORKERS
from swf_common.protocol.slices import request_id
from tests.unit.agents.bench import Bench
from tests.unit.agents.surroundings import END_RUN, EXECUTION, RUN_IMMINENT, Surroundings
from tests.unit.testbed.monitor_server import Request

SAMPLE = "swf.100010.000001_tf_001.tf"
EVENTS = "system-state-events/"
RESULTS = "tf-slices/results/"
REGISTERED = {
    "msg_type": "tf_file_registered",
    "message_id": str(UUID(int=7)),
    "execution_id": EXECUTION,
    "run_id": "100010",
    "tf_file_id": str(UUID(int=1)),
    "tf_filename": SAMPLE,
    "tf_first": 20,
    "tf_last": 24,
    "tf_count": 5,
    "file_url": f"file:///data/tf-samples/100010/{SAMPLE}",
    "checksum": "sha256:00",
    "file_size_bytes": 10,
    "stf_filename": "swf.100010.000001.stf",
}


@pytest.fixture
def bench(around: Surroundings) -> Bench:
    around.parameters(target_worker_count=30, slice_processing_time=2.5, worker_rampup_time=300)
    progress(around, waiting=0)
    return around.start(ExampleFastProcessingAgent)


def progress(around: Surroundings, *, waiting: int) -> None:
    """What the monitor says of the execution: so many slices wait for their results."""
    counts = {"created": 5 + waiting, "completed": 4, "failed": 1}
    answer = {"hits": 9, "messages": 3, "slices": counts}
    around.monitor.answers["GET", f"workflow-executions/{EXECUTION}/progress/"] = (200, answer)


def results(message: dict[str, Any], *, error: str = "", number: int = 1) -> dict[str, Any]:
    """What a worker answers to a slice."""
    content = message["content"]
    found = {"hit_count": 9, "cluster_count": 4, "histograms": {"a": {"b": None}}}
    inner = {**content, "processed": not error, "actual_processing_time": 0.1}
    outcome = {"state": not error, "result": {**inner, **({} if error else found)}, "error": error}
    return {
        "msg_type": "slice_result",
        "message_id": str(UUID(int=1000 + number)),
        "execution_id": EXECUTION,
        "run_id": "100010",
        "content": {
            "req_id": content["req_id"],
            "state": "failed" if error else "done",
            "requested_at": "2026-01-05T12:00:00+00:00",
            "processing_start_at": "2026-01-05T12:00:01+00:00",
            "processed_at": "2026-01-05T12:00:02+00:00",
            "processing_time": 0.1,
            "hostname": "here",
            "worker_id": "transformer-agent-jane-0007-100010",
            "result": outcome,
        },
    }


def sent_slices(bench: Bench) -> list[dict[str, Any]]:
    """The slices that a sample gives."""
    bench.deliver(REGISTERED)
    bench.acknowledged()
    return bench.sent(SLICES)


def answer(around: Surroundings, *slices: tuple[str, int]) -> None:
    """What the monitor says of slices after a result: status and retries."""
    rows = [{"status": status, "retries": retries} for status, retries in slices]
    around.monitor.answers["POST", RESULTS] = (200, rows)


def test_the_slices_of_a_sample_hold_each_of_its_tfs_once(
    bench: Bench, around: Surroundings
) -> None:
    messages = sent_slices(bench)
    rows = around.rows("POST", "tf-slices/")
    ranges = [(one["content"]["start"], one["content"]["end"]) for one in messages]
    assert ranges == [(20, 21), (22, 23), (24, 24)]
    assert [(row["tf_first"], row["tf_last"]) for row in rows] == ranges
    for number, one in enumerate(messages):
        content = one["content"]
        assert content["req_id"] == str(request_id(EXECUTION, SAMPLE, number, 0))
        assert content["tf_filename"] == f"swf.100010.000001_tf_001_slice_{number:03d}.tf"
        assert (content["slice_id"], content["sample_filename"]) == (number, SAMPLE)
        assert (content["filename"], content["checksum"]) == (
            REGISTERED["stf_filename"],
            "sha256:00",
        )
        assert one["run_id"] == content["run_id"] == "100010"
    (frame, *_) = [one for one in bench.server.of("SEND") if one.destination == SLICES]
    assert int(frame.headers["expires"]) > 0
    assert frame.headers["persistent"] == "true"


def test_a_sample_that_comes_again_gives_the_same_slices(bench: Bench) -> None:
    first = sent_slices(bench)
    bench.deliver(REGISTERED, 2)
    bench.acknowledged(2)
    again = bench.sent(SLICES)[len(first) :]
    assert [one["message_id"] for one in again] == [one["message_id"] for one in first]
    assert [one["content"] for one in again] == [one["content"] for one in first]


def test_the_configuration_says_how_large_a_slice_is(bench: Bench, around: Surroundings) -> None:
    around.parameters(num_tf_per_slice=5)
    assert len(sent_slices(bench)) == 1


def test_a_result_is_stored_with_its_counts_and_histograms(
    bench: Bench, around: Surroundings
) -> None:
    (first, *_) = sent_slices(bench)
    answer(around, ("completed", 0))
    bench.deliver(results(first), 2)
    bench.acknowledged(2)
    (row,) = around.rows("POST", RESULTS)
    assert (row["tf_filename"], row["slice_id"], row["attempt"]) == (SAMPLE, 0, 0)
    assert (row["status"], row["hit_count"], row["cluster_count"]) == ("completed", 9, 4)
    assert row["histograms"] == {"a": {"b": None}}
    assert row["assigned_worker"] == "transformer-agent-jane-0007-100010"
    assert len(bench.sent(SLICES)) == 3


def together(*single: dict[str, Any]) -> dict[str, Any]:
    """Results as a worker sends them in one message."""
    content = {"results": [one["content"] for one in single]}
    return {**single[0], "msg_type": "slice_results", "content": content}


def test_slices_say_that_their_results_may_come_together(bench: Bench) -> None:
    assert {tuple(one["accepts"]) for one in sent_slices(bench)} == {("slice_results",)}


def test_results_that_come_together_are_stored_in_one_request_and_failed_ones_sent_again(
    bench: Bench, around: Surroundings
) -> None:
    first, second, third = sent_slices(bench)
    answer(around, ("completed", 0), ("queued", 1), ("queued", 1))
    failed = (results(second, error="no luck"), results(third, error="nor here"))
    bench.deliver(together(results(first), *failed), 2)
    bench.acknowledged(2)
    (request,) = around.monitor.of("POST", RESULTS)
    assert [row["slice_id"] for row in request.body] == [0, 1, 2]
    again = bench.sent(SLICES)[3:]
    assert [one["content"]["slice_id"] for one in again] == [1, 2]
    assert len({one["message_id"] for one in bench.sent(SLICES)}) == 5


def test_a_failed_slice_is_sent_again_three_times_and_then_failed(
    bench: Bench, around: Surroundings
) -> None:
    message = sent_slices(bench)[0]
    for attempt in range(3):
        answer(around, ("queued", attempt + 1))
        bench.deliver(results(message, error="no luck", number=attempt), attempt + 2)
        bench.acknowledged(attempt + 2)
        message = bench.sent(SLICES)[-1]
        content = message["content"]
        assert (content["attempt"], content["slice_id"]) == (attempt + 1, 0)
        assert content["req_id"] == str(request_id(EXECUTION, SAMPLE, 0, attempt + 1))
        assert (content["start"], content["end"], content["state"]) == (20, 21, "queued")
    answer(around, ("failed", 3))
    bench.deliver(results(message, error="no luck", number=9), 9)
    bench.acknowledged(5)
    rows = around.rows("POST", RESULTS)
    assert [row["status"] for row in rows] == ["queued", "queued", "queued", "failed"]
    assert {row["error"] for row in rows} == {"no luck"}
    assert len(bench.sent(SLICES)) == 6


@pytest.mark.parametrize("now", [("completed", 0), ("queued", 2), ("failed", 0)])
def test_a_failure_that_is_out_of_date_sends_nothing(
    bench: Bench, around: Surroundings, now: tuple[str, int]
) -> None:
    message = sent_slices(bench)[0]
    answer(around, now)
    bench.deliver(results(message, error="no luck"), 2)
    bench.acknowledged(2)
    assert len(bench.sent(SLICES)) == 3


def test_a_refused_result_does_not_hold_back_the_others_of_its_message(
    bench: Bench, around: Surroundings
) -> None:
    slices = sent_slices(bench)

    def judge(request: Request) -> None:
        if request.path == RESULTS:
            if any(row["slice_id"] == 2 for row in request.body):
                around.monitor.answers["POST", RESULTS] = (400, {"histograms": ["other axes"]})
            else:
                answer(around, ("queued", 1))

    around.monitor.on_request = judge
    bench.deliver(together(results(slices[0], error="no luck"), results(slices[2])), 2)
    assert bench.acknowledged(2) == ["ack-1", "ack-2"]
    (again,) = bench.sent(SLICES)[3:]
    assert (again["content"]["slice_id"], again["content"]["attempt"]) == (0, 1)
    (refused,) = bench.sent(RESULTS_TOPIC)  # it becomes a dead letter alone
    assert (refused["msg_type"], refused["run_id"]) == ("slice_result", "100010")
    assert refused["content"]["result"]["result"]["slice_id"] == 2
    bench.deliver(refused, 3)
    assert bench.refused() == ["ack-3"]


def test_workers_are_told_what_the_run_wants_and_when_it_ends(bench: Bench) -> None:
    bench.deliver(RUN_IMMINENT, 1)
    bench.deliver(END_RUN, 2)
    bench.acknowledged(2)
    wanted, ended = bench.sent(WORKERS)
    assert (wanted["msg_type"], ended["msg_type"]) == ("run_imminent_worker", "end_run")
    content = wanted["content"]
    assert content["core_count"] == content["target_worker_count"] == 30
    assert (content["slice_processing_time"], content["worker_rampup_time"]) == (2.5, 300)
    assert content["run_conditions"] == {"beam_energy": "5 GeV"}
    assert (ended["reason"], ended["content"]["total_stf_files"]) == ("completed", 1)
    assert wanted["execution_id"] == ended["execution_id"] == EXECUTION


def test_the_steps_of_a_run_become_events_once(bench: Bench, around: Surroundings) -> None:
    message = {**RUN_IMMINENT, "message_id": str(UUID(int=5))}
    bench.deliver(message, 1)
    bench.acknowledged(1)
    (event,) = around.monitor.of("POST", EVENTS)
    assert (event.body["event_type"], event.body["run_number"]) == ("run_imminent", 100010)
    assert (event.body["state"], event.body["substate"]) == ("beam", "not_ready")
    around.monitor.answers["GET", EVENTS] = (200, [event.body])
    bench.deliver(message, 2)
    bench.acknowledged(2)
    assert len(around.monitor.of("POST", EVENTS)) == 1


@pytest.mark.parametrize("step", ["start_run", "pause_run", "resume_run"])
def test_every_step_of_a_run_is_followed(bench: Bench, around: Surroundings, step: str) -> None:
    bench.deliver({**RUN_IMMINENT, "msg_type": step, "reason": "why"})
    bench.acknowledged()
    (event,) = around.monitor.of("POST", EVENTS)
    assert event.body["event_type"] == step


def test_an_agent_that_starts_anew_knows_which_runs_have_ended(around: Surroundings) -> None:
    around.parameters()
    progress(around, waiting=2)
    ended = {"event_data": {"execution_id": EXECUTION}}
    strange: list[Any] = [{"event_data": {}}, {"event_data": []}, {"event_data": None}]
    around.monitor.answers["GET", EVENTS] = (200, [ended, *strange])
    bench = around.start(ExampleFastProcessingAgent)
    message = sent_slices(bench)[0]
    answer(around, ("completed", 0))
    bench.deliver(results(message), 2)
    bench.acknowledged(2)
    assert len(around.monitor.of("PATCH", f"workflow-executions/{EXECUTION}/")) == 1


def test_the_end_and_the_last_result_after_it_renew_the_metrics(
    bench: Bench, around: Surroundings
) -> None:
    path = f"workflow-executions/{EXECUTION}/"
    message = sent_slices(bench)[0]
    answer(around, ("completed", 0))
    bench.deliver(results(message, number=1), 2)
    bench.acknowledged(2)
    assert around.monitor.of("PATCH", path) == []
    progress(around, waiting=2)
    bench.deliver(END_RUN, 3)
    bench.deliver(results(message, number=2), 4)
    bench.acknowledged(4)
    assert len(around.monitor.of("PATCH", path)) == 1
    bench.deliver(results(message, number=3), 5)
    bench.acknowledged(5)
    assert len(around.monitor.of("PATCH", path)) == 2
    for request in around.monitor.of("PATCH", path):
        metrics = request.body["performance_metrics"]["fast_processing"]
        assert metrics["hits"] == 9
        assert "messages" not in json.dumps(metrics)


def test_a_sample_that_comes_again_after_the_end_does_not_hide_the_last_result(
    bench: Bench, around: Surroundings
) -> None:
    message = sent_slices(bench)[0]
    answer(around, ("completed", 0))
    progress(around, waiting=1)
    bench.deliver(END_RUN, 2)
    bench.deliver({**REGISTERED, "message_id": str(UUID(int=8))}, 3)
    bench.deliver(results(message), 4)
    bench.acknowledged(4)
    assert len(around.monitor.of("PATCH", f"workflow-executions/{EXECUTION}/")) == 2


def test_an_event_of_another_form_is_not_the_events_double(
    bench: Bench, around: Surroundings
) -> None:
    around.monitor.answers["GET", EVENTS] = (200, [{"event_data": ["message_id"]}])
    bench.deliver(RUN_IMMINENT)
    bench.acknowledged()
    assert len(around.monitor.of("POST", EVENTS)) == 1


@pytest.mark.parametrize("recorded", [[], None, "text", {"agents": [], "fast_processing": 7}])
def test_parameters_of_another_form_leave_the_defaults(
    bench: Bench, around: Surroundings, recorded: Any
) -> None:
    path = f"workflow-executions/{EXECUTION}/"
    around.monitor.answers["GET", path] = (200, {"parameter_values": recorded})
    assert len(sent_slices(bench)) == 3
