"""The transformer: counts and histograms of a slice, or the reason why there are none."""

from __future__ import annotations

from typing import Any

import pytest

from agents.data.frame_file import FrameReader
from agents.data.generation import generate
from agents.data.histograms import HistogramSet
from agents.data.tf_samples import write_sample
from agents.programs.transformer import worker_record
from agents.programs.transformer.agent import Transformer
from swf_common.configuration.groups import StfContent
from swf_common.protocol.destinations import RESULTS
from swf_common.protocol.slices import request_id
from swf_common.service.monitor_client import MonitorRefused
from tests.unit.agents.bench import Bench
from tests.unit.agents.surroundings import END_RUN, EXECUTION, Surroundings

SAMPLE = "swf.100010.000001_tf_001.tf"
FIRST = 10


class Work:
    """A transformer, a sample of twenty TFs, and slices of it."""

    def __init__(self, around: Surroundings) -> None:
        around.parameters()
        frames = generate(StfContent(tf_count=40), 100010, 1).select(FIRST, FIRST + 19)
        self.path = around.folder / "tf-samples" / "100010" / SAMPLE
        self.file = write_sample(self.path, frames)
        self.frames = frames
        self.around = around
        self.bench: Bench = around.start(Transformer)

    def slice(self, slice_id: int = 0, **changes: Any) -> dict[str, Any]:
        start = FIRST + 2 * slice_id
        content = {
            "execution_id": EXECUTION,
            "run_id": "100010",
            "req_id": str(request_id(EXECUTION, SAMPLE, slice_id, 0)),
            "filename": "swf.100010.000001.stf",
            "tf_filename": f"swf.100010.000001_tf_001_slice_{slice_id:03d}.tf",
            "slice_id": slice_id,
            "start": start,
            "end": start + 1,
            "tf_count": 2,
            "sample_filename": SAMPLE,
            "file_url": f"file://{self.path}",
            "checksum": self.file.checksum,
            "file_size_bytes": self.file.size_bytes,
            **changes,
        }
        return {
            "msg_type": "slice",
            "message_id": content["req_id"],
            "namespace": "torre1",
            "execution_id": EXECUTION,
            "run_id": "100010",
            "created_at": "2026-01-05T12:00:00+00:00",
            "content": content,
        }

    def result(self, message: dict[str, Any]) -> dict[str, Any]:
        """The content of the result of a slice."""
        done = len(self.bench.server.of("ACK"))
        self.bench.deliver(message, done + 1)
        self.bench.acknowledged(done + 1)
        content: dict[str, Any] = self.bench.sent(RESULTS)[-1]["content"]
        return content

    def deliver_together(self, messages: list[dict[str, Any]], done: int) -> None:
        """Let messages wait behind a slice whose result is not confirmed yet, and see all done.

        :param done: results that are to be there with that slice's
        """
        self.bench.server.silent.add("SEND")
        self.bench.deliver(self.slice(9), done)
        held = self.bench.server.wait_for("SEND", done)
        for number, message in enumerate(messages, done + 1):
            self.bench.deliver(message, number)
        self.bench.server.silent.clear()
        self.bench.server.confirm(held[done - 1])
        self.bench.acknowledged(done + len(messages))

    def wait_counted(self, worker: str, count: int) -> None:
        """Wait until the ended record of a worker counts so many slices."""
        monitor = self.around.monitor

        def told() -> bool:
            bodies = [request.body for request in monitor.of("PATCH", f"workers/{worker}/")]
            found = [(one["status"], one["slices_completed"]) for one in bodies]
            return ("ended", count) in found

        monitor.wait(told, f"{count} slices in the record")


@pytest.fixture
def work(around: Surroundings) -> Work:
    return Work(around)


def test_a_slice_gives_its_counts_and_histograms(work: Work) -> None:
    message = work.slice(3)
    content = work.result(message)
    assert (content["state"], content["req_id"]) == ("done", message["content"]["req_id"])
    assert content["requested_at"].startswith("2026-01-05T12:00:00")
    found = content["result"]["result"]
    wanted = work.frames.select(FIRST + 6, FIRST + 7)
    histograms = HistogramSet.from_compact(found["histograms"])
    assert content["result"]["state"] is found["processed"] is True
    assert (histograms.tfs, histograms.hits) == (2, wanted.hit_count)
    assert found["hit_count"] == wanted.hit_count
    assert found["cluster_count"] == histograms.clusters > 0
    assert (found["slice_id"], found["sample_filename"]) == (3, SAMPLE)


def test_the_slices_of_a_sample_add_up_to_it(work: Work) -> None:
    found = [work.result(work.slice(number))["result"]["result"] for number in range(10)]
    assert sum(one["hit_count"] for one in found) == work.frames.hit_count


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices count as quick, however busy the machine is."""
    monkeypatch.setattr("agents.runtime.ahead.HOLD_S", 600.0)


@pytest.mark.usefixtures("quick")
def test_slices_that_wait_together_are_processed_together_and_one_bad_one_fails_alone(
    work: Work,
) -> None:
    alone = [work.result(work.slice(number))["result"]["result"] for number in range(5)]
    work.bench.server.wait_for("SUBSCRIBE", 3)  # they were quick: more are taken ahead
    messages = [work.slice(number) for number in range(5)]
    messages[2]["content"]["tf_count"] = 3
    work.deliver_together(messages, 6)
    results = [one["content"]["result"] for one in work.bench.sent(RESULTS)[6:]]
    assert [one["state"] for one in results] == [True, True, False, True, True]
    found = [one["result"] for one in results]
    counted = ("slice_id", "hit_count", "cluster_count", "histograms")
    for number in (0, 1, 3, 4):
        assert [found[number][name] for name in counted] == [
            alone[number][name] for name in counted
        ]
    assert len({one["actual_processing_time"] for one in found if one["processed"]}) == 1


@pytest.mark.usefixtures("quick")
def test_a_slice_with_another_checksum_fails_also_among_others_of_its_file(work: Work) -> None:
    work.result(work.slice(8))
    work.bench.server.wait_for("SUBSCRIBE", 3)
    work.deliver_together([work.slice(0), work.slice(1, checksum="sha256:00"), work.slice(2)], 2)
    results = [one["content"]["result"] for one in work.bench.sent(RESULTS)[2:]]
    states = {one["result"]["slice_id"]: one["state"] for one in results}
    assert states == {0: True, 1: False, 2: True}


@pytest.mark.usefixtures("quick")
def test_results_are_sent_together_if_the_sender_of_the_slices_accepts_that(work: Work) -> None:
    work.result(work.slice(8))
    work.bench.server.wait_for("SUBSCRIBE", 3)
    messages = [{**work.slice(number), "accepts": ["slice_results"]} for number in range(4)]
    work.deliver_together(messages, 2)
    *_, alone, together = work.bench.sent(RESULTS)
    assert (alone["msg_type"], together["msg_type"]) == ("slice_result", "slice_results")
    results = together["content"]["results"]
    assert [one["req_id"] for one in results] == [one["message_id"] for one in messages]
    assert (together["execution_id"], together["run_id"]) == (EXECUTION, "100010")


@pytest.mark.usefixtures("quick")
def test_slices_that_are_announced_as_slow_are_taken_one_by_one(work: Work) -> None:
    for number in range(3):
        work.result(work.slice(number))
    ahead = work.bench.server.wait_for("SUBSCRIBE", 3)[2]
    content = {"execution_id": EXECUTION, "run_id": "100010", "slice_processing_time": 900.0}
    announced = {**work.slice(), "msg_type": "run_imminent_worker", "content": content}
    work.bench.deliver(announced, 4)
    (ended,) = work.bench.server.wait_for("UNSUBSCRIBE")
    assert ended.headers["id"] == ahead.headers["id"]


def test_a_sample_is_read_once_for_the_slices_that_follow_each_other(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    enter = FrameReader.__enter__

    def note(reader: FrameReader) -> FrameReader:
        opened.append(reader.name)
        return enter(reader)

    monkeypatch.setattr(FrameReader, "__enter__", note)
    for number in range(3):
        work.result(work.slice(number))
    assert opened == [work.path.name]


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "checksum": ({"checksum": "sha256:00"}, "checksum"),
    "missing": ({"file_url": "file:///nowhere"}, "outside"),
    "range": ({"start": 0, "end": 1}, "not among"),
    "backwards": ({"start": 14, "end": 12}, "not among"),
    "count": ({"tf_count": 3}, "3 TFs"),
}


@pytest.mark.parametrize(("changes", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_slice_that_cannot_be_processed_fails_with_the_reason_and_the_next_is_fine(
    work: Work, changes: dict[str, Any], reason: str
) -> None:
    content = work.result(work.slice(0, **changes))
    assert content["state"] == "failed"
    assert content["result"]["state"] is content["result"]["result"]["processed"] is False
    assert reason in content["result"]["error"]
    assert "histograms" not in content["result"]["result"]
    assert work.result(work.slice(1))["state"] == "done"


def test_settings_that_make_no_sense_fail_the_slice(work: Work) -> None:
    work.around.parameters(cluster_time_window_ns=-1)
    assert "cluster_time_window_ns" in work.result(work.slice())["result"]["error"]


def test_an_execution_that_nobody_knows_fails_the_slice(work: Work) -> None:
    path = f"workflow-executions/{EXECUTION}/"
    work.around.monitor.answers["GET", path] = (404, {"detail": "not found"})
    assert MonitorRefused.__name__ in work.result(work.slice())["result"]["error"]


def test_longer_work_can_be_emulated(work: Work) -> None:
    work.around.parameters(slice_processing_time=0.2)
    assert work.result(work.slice())["processing_time"] >= 0.2


def test_a_slice_in_hand_is_left_to_another_transformer_when_this_one_stops(work: Work) -> None:
    work.around.parameters(slice_processing_time=60)
    work.bench.deliver(work.slice())
    work.around.monitor.wait_for_beat(operational_state="PROCESSING")
    work.bench.stop()
    assert work.bench.server.of("ACK") == []
    assert work.bench.sent(RESULTS) == []


def test_a_worker_has_one_record_a_run_that_ends_with_the_run(work: Work) -> None:
    for number in range(2):
        work.result(work.slice(number))
    (opened,) = work.around.monitor.of("POST", "workers/")
    worker = opened.body["worker_id"]
    assert opened.body["run_number"] == 100010
    assert opened.body["status"] == "running"
    work.bench.deliver({**END_RUN, "content": {}}, 3)
    work.bench.acknowledged(3)
    ended = work.around.monitor.of("PATCH", f"workers/{worker}/")[-1].body
    assert (ended["status"], ended["slices_completed"]) == ("ended", 2)
    assert ended["ended_at"]
    work.result(work.slice(2))
    work.wait_counted(worker, 3)


def test_a_worker_whose_first_slice_comes_after_the_end_of_the_run_has_an_ended_record(
    work: Work,
) -> None:
    work.bench.deliver({**END_RUN, "content": {}}, 1)
    work.bench.acknowledged(1)
    assert work.around.monitor.of("POST", "workers/") == []
    content = work.result(work.slice())
    (opened,) = work.around.monitor.of("POST", "workers/")
    assert opened.body["ended_at"]
    work.wait_counted(content["worker_id"], 1)


def test_a_worker_that_starts_after_the_end_of_the_run_has_an_ended_record(work: Work) -> None:
    execution = work.around.monitor.answers["GET", f"workflow-executions/{EXECUTION}/"][1]
    execution["end_time"] = "2026-01-05T12:00:00Z"
    content = work.result(work.slice())
    (opened,) = work.around.monitor.of("POST", "workers/")
    assert opened.body["ended_at"]
    work.wait_counted(content["worker_id"], 1)


def test_a_worker_ends_its_record_when_it_stops(work: Work) -> None:
    content = work.result(work.slice())
    work.bench.stop()
    requests = work.around.monitor.of("PATCH", f"workers/{content['worker_id']}/")
    assert requests[-1].body["status"] == "ended"


def test_a_record_that_was_ended_while_its_worker_was_silent_is_opened_again(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_record, "WRITE_EVERY_S", 0.0)
    worker = work.result(work.slice(0))["worker_id"]
    work.result(work.slice(1))
    (request,) = work.around.monitor.of("PATCH", f"workers/{worker}/")
    assert (request.body["status"], request.body["ended_at"]) == ("running", None)


def test_a_refused_record_of_the_worker_does_not_hold_the_work_up(work: Work) -> None:
    work.around.monitor.answers["POST", "workers/"] = (400, {"worker_id": ["is known"]})
    assert work.result(work.slice())["state"] == "done"
