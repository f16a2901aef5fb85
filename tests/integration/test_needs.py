"""Which files are needed, on a real database: until those who take part have come to their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.test_rest_records import make_run
from tests.integration.test_slice_results import new_execution
from tests.rest import Api
from tests.waiting import eventually


def section(stage: str, **facts: Any) -> dict[str, Any]:
    return {"enabled": True, "program": f"of-{stage}", "stages": [stage], **facts}


DATA = section("stf.registered")
PROCESSING = section("stf.processed")
FASTMON = section("stf.sampled")
ALL = {
    "workflow-runner": section("stf.generated"),
    "data": DATA,
    "processing": PROCESSING,
    "fastmon": FASTMON,
    "fast_processing": section("tfs.sliced"),
    "transformer": section("slices.processed"),
}
CALIBRATION = section("stf.calibrated", required=False)
STRANGER = {**ALL, "mine": {"enabled": True, "program": "my-agent", "stages": []}}
REGISTERED: dict[str, Any] = {"status": "registered"}
PROCESSED = {"status": "processed", "metadata": {"processed_by": "p", "outputs": []}}
SAMPLED = {"status": "registered", "metadata": {"sampled_by": "f", "tf_files": 7}}
BOTH = {
    "status": "processed",
    "metadata": {"processed_by": "p", "outputs": [], "sampled_by": "f", "tf_files": 7},
}
REJECTED = {"status": "failed", "metadata": {"failure": "it is damaged"}}
UNPROCESSED = {"status": "failed", "metadata": {"processed_by": "p", "failure": "why"}}
UNSAMPLED = {"status": "failed", "metadata": {"sampled_by": "f", "failure": "why"}}
UNSAMPLED_PROCESSED = {
    "status": "failed",
    "metadata": {"sampled_by": "f", "failure": "why", "processed_by": "p", "outputs": []},
}
SAMPLED_UNPROCESSED = {
    "status": "failed",
    "metadata": {"sampled_by": "f", "tf_files": 7, "processed_by": "p", "failure": "why"},
}


class Recorded:
    """A run with an execution, and what is recorded of its one STF."""

    def __init__(self, agent: Api) -> None:
        self.agent = agent
        self.run = make_run(agent)
        self.stf_filename = f"swf.{self.run}.000001.stf"
        self.execution_id = ""

    def execution(self, agents: dict[str, Any], **facts: Any) -> None:
        values = {"agents": agents}
        self.execution_id = new_execution(
            self.agent, run_number=self.run, parameter_values=values, **facts
        )

    def stf(self, record: dict[str, Any] | None) -> None:
        if record is not None:
            row = {"run_number": self.run, "stf_filename": self.stf_filename, **record}
            assert self.agent.post("stf-files/", [row]).status_code == 201

    def slices(self, *statuses: str) -> None:
        """Two samples of two time frames each, of which so many slices of two are cut."""
        names = [self.stf_filename.replace(".stf", f"_tf_{key:03d}.tf") for key in (0, 1)]
        samples = [
            {
                "stf_file": self.stf_filename,
                "tf_filename": name,
                "tf_first": 2 * key,
                "tf_last": 2 * key + 1,
                "tf_count": 2,
            }
            for key, name in enumerate(names)
        ]
        assert self.agent.post("fastmon-files/", samples).status_code == 201
        for key, status in enumerate(statuses):
            cut = {"tf_filename": names[key], "slice_id": 0, "tf_count": 2, "status": status}
            cut |= {"tf_first": 2 * key, "tf_last": 2 * key + 1}
            assert self.agent.post("tf-slices/", cut).status_code == 201

    def passed(self, stage: str = "stf.calibrated", *, failed: bool = False) -> Any:
        row = {"execution_id": self.execution_id, "stage": stage, "unit": self.stf_filename}
        return self.agent.post("stage-records/", [{**row, "failed": failed}])

    def needed(self, volume: str = "daq") -> bool:
        file = {"run_id": str(self.run), "stf_filename": self.stf_filename}
        answer = self.agent.post("files/needed/", {"volume": volume, "files": [file]})
        assert answer.status_code == 200, answer.text
        (needed,) = answer.json()["needed"]
        return bool(needed)

    def progress(self) -> Any:
        return self.agent.get(f"workflow-executions/{self.execution_id}/progress/")


@pytest.fixture
def recorded(agent: Api) -> Recorded:
    return Recorded(agent)


STFS = {
    "not registered": (ALL, None, True),
    "nobody registers it": ({"fastmon": FASTMON}, None, False),
    "nobody is done": (ALL, REGISTERED, True),
    "not sampled": (ALL, PROCESSED, True),
    "not processed": (ALL, SAMPLED, True),
    "everybody is done": (ALL, BOTH, False),
    "failed when it was registered": (ALL, REJECTED, False),
    "processing failed and it is not sampled": (ALL, UNPROCESSED, True),
    "sampling failed and it is not processed": (ALL, UNSAMPLED, True),
    "sampling failed and it is processed": (ALL, UNSAMPLED_PROCESSED, False),
    "processing failed and it is sampled": (ALL, SAMPLED_UNPROCESSED, False),
    "processing failed without fast monitoring": (
        {"data": DATA, "processing": PROCESSING},
        UNPROCESSED,
        False,
    ),
    "without processing": ({"data": DATA, "fastmon": FASTMON}, SAMPLED, False),
    "without fast monitoring": ({"data": DATA, "processing": PROCESSING}, PROCESSED, False),
    "processing is switched off": (
        {"data": DATA, "processing": {**PROCESSING, "enabled": False}},
        REGISTERED,
        False,
    ),
    "by another name": ({"data": DATA, "mine": FASTMON}, REGISTERED, True),
    "not calibrated": ({"data": DATA, "calibration": CALIBRATION}, REGISTERED, True),
    "neither registered nor calibrated": ({"calibration": CALIBRATION}, None, True),
    "failed before it could be calibrated": (
        {"data": DATA, "calibration": CALIBRATION},
        REJECTED,
        False,
    ),
}


@pytest.mark.parametrize(("agents", "record", "needed"), STFS.values(), ids=STFS)
def test_an_stf_is_needed_until_every_agent_has_come_to_an_end_with_it(
    recorded: Recorded, agents: dict[str, Any], record: dict[str, Any] | None, needed: bool
) -> None:
    recorded.execution(agents)
    recorded.stf(record)
    assert recorded.needed() is needed


@pytest.mark.parametrize("failed", [False, True])
def test_an_stf_is_needed_until_a_stage_of_an_agents_own_is_recorded(
    recorded: Recorded, failed: bool
) -> None:
    recorded.execution({**ALL, "calibration": CALIBRATION})
    recorded.stf(BOTH)
    assert recorded.needed()
    assert recorded.passed(failed=failed).status_code == 201
    assert not recorded.needed()


def test_an_agent_that_took_an_stf_before_it_was_rejected_does_not_keep_it_for_the_others(
    recorded: Recorded,
) -> None:
    recorded.execution({**ALL, "calibration": CALIBRATION})
    recorded.stf(REJECTED)
    recorded.passed()
    assert not recorded.needed()
    assert recorded.progress()["stages"]["stf.calibrated"] == {"done": 1, "failed": 0}


NOBODY_KNOWS: dict[str, dict[str, Any]] = {
    "an agent without a stage": STRANGER,
    "a section without stages": {**ALL, "mine": {"enabled": True, "program": None}},
    "no sections": {},
}


@pytest.mark.parametrize("agents", NOBODY_KNOWS.values(), ids=NOBODY_KNOWS)
def test_where_nobody_knows_who_is_at_work_every_stf_is_needed_until_nothing_waits(
    recorded: Recorded, agents: dict[str, Any]
) -> None:
    recorded.execution(agents)
    recorded.stf(BOTH)
    assert recorded.needed()
    ended = {"status": "completed", "end_time": datetime.now(UTC).isoformat()}
    path = f"workflow-executions/{recorded.execution_id}/"
    assert recorded.agent.patch(path, ended).status_code == 200

    def something_waits() -> bool:
        queues = recorded.agent.get("backlog/")["queues"]
        return queues is None or any(queue["depth"] for queue in queues)

    eventually(lambda: recorded.needed() is something_waits(), "it is needed while a message waits")


def test_a_strangers_stf_is_needed_though_nobody_has_registered_it(recorded: Recorded) -> None:
    recorded.execution({"mine": STRANGER["mine"]})
    assert recorded.needed()


SLICES: dict[str, tuple[dict[str, Any] | None, list[str], bool]] = {
    "all have results": (SAMPLED, ["completed", "failed"], False),
    "one waits": (SAMPLED, ["completed", "queued"], True),
    "one is worked on": (SAMPLED, ["processing", "completed"], True),
    "not all are cut": (SAMPLED, ["completed"], True),
    "none is cut": (SAMPLED, [], True),
    "being sampled": (REGISTERED, [], True),
    "failed when it was registered": (REJECTED, [], False),
    "sampling failed": (UNSAMPLED, [], False),
    "processing failed before": (UNPROCESSED, [], True),
    "processing failed after": (SAMPLED_UNPROCESSED, ["queued", "queued"], True),
    "processing failed and all have results": (
        SAMPLED_UNPROCESSED,
        ["completed", "failed"],
        False,
    ),
    "unknown": (None, [], False),
}


@pytest.mark.parametrize(("record", "slices", "needed"), SLICES.values(), ids=SLICES)
def test_samples_are_needed_until_each_slice_has_its_result(
    recorded: Recorded, record: dict[str, Any] | None, slices: list[str], needed: bool
) -> None:
    recorded.execution(ALL)
    recorded.stf(record)
    if record is not None:
        recorded.slices(*slices)
    assert recorded.needed("tf-samples") is needed


def test_samples_that_nobody_slices_are_not_needed(recorded: Recorded) -> None:
    recorded.execution({"data": DATA, "fastmon": FASTMON})
    recorded.stf(SAMPLED)
    recorded.slices()
    assert not recorded.needed("tf-samples")


@pytest.mark.parametrize(
    ("record", "needed"),
    [
        (REGISTERED, True),
        (PROCESSED, False),
        (REJECTED, False),
        (UNPROCESSED, False),
        (UNSAMPLED, True),
        (None, False),
    ],
)
def test_an_output_is_needed_until_it_is_recorded(
    recorded: Recorded, record: dict[str, Any] | None, needed: bool
) -> None:
    recorded.execution(ALL)
    recorded.stf(record)
    assert recorded.needed("processed") is needed


def test_a_run_without_an_execution_needs_nothing(recorded: Recorded) -> None:
    recorded.stf(REGISTERED)
    assert not any(recorded.needed(volume) for volume in ("daq", "tf-samples", "processed"))


@pytest.mark.parametrize(("days_ago", "needed"), [(6.9, True), (7.1, False)])
def test_an_stf_is_needed_for_some_days_after_its_execution_has_ended(
    recorded: Recorded, days_ago: float, needed: bool
) -> None:
    ended = datetime.now(UTC) - timedelta(days=days_ago)
    recorded.execution(ALL, status="completed", end_time=ended.isoformat())
    recorded.stf(REGISTERED)
    assert recorded.needed() is needed


def test_one_question_is_about_files_of_several_runs(agent: Api) -> None:
    first, second = Recorded(agent), Recorded(agent)
    for one, record in ((first, BOTH), (second, REGISTERED)):
        one.execution(ALL)
        one.stf(record)
    files = [
        {"run_id": one.run, "stf_filename": one.stf_filename} for one in (second, first, second)
    ]
    answer = agent.post("files/needed/", {"volume": "daq", "files": files})
    assert answer.json() == {"needed": [True, False, True]}


@pytest.mark.parametrize(
    "body",
    [
        {"volume": "daq"},
        {"volume": "other", "files": []},
        {"volume": "daq", "files": [{"run_id": "x", "stf_filename": "a"}]},
        {"volume": "daq", "files": [{"run_id": 1, "stf_filename": "a"}] * 1001},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(agent: Api, body: Any) -> None:
    assert agent.post("files/needed/", body).status_code == 400


# --- Stages of agents' own ------------------------------------------------------------------


def test_a_stage_counts_each_stf_once_and_a_failure_may_become_a_success(
    recorded: Recorded,
) -> None:
    recorded.execution({"data": DATA, "calibration": CALIBRATION})
    recorded.stf(REGISTERED)
    told = []
    for failed in (True, True, False, True):
        (row,) = recorded.passed(failed=failed).json()
        told.append((row["failed"], recorded.progress()["stages"]["stf.calibrated"]))
    failure, success = {"done": 0, "failed": 1}, {"done": 1, "failed": 0}
    assert told == [(True, failure), (True, failure), (False, success), (False, success)]
    (row,) = recorded.agent.get("stage-records/", execution_id=recorded.execution_id)
    assert (row["unit"], row["stage"]) == (recorded.stf_filename, "stf.calibrated")


def test_progress_has_the_stages_of_those_who_take_part(recorded: Recorded) -> None:
    recorded.execution({"data": DATA, "calibration": CALIBRATION, "fastmon": {"enabled": False}})
    recorded.stf(REJECTED)
    assert recorded.progress()["stages"] == {
        "stf.registered": {"done": 0, "failed": 1},
        "stf.calibrated": {"done": 0, "failed": 1, "rejected": 1},
    }


def test_where_nobody_says_who_takes_part_progress_has_the_stages_that_were_seen(
    recorded: Recorded,
) -> None:
    recorded.execution({})
    recorded.stf(SAMPLED)
    recorded.slices("queued")
    recorded.passed("stf.checked")
    assert recorded.progress()["stages"] == {
        "stf.registered": {"done": 1, "failed": 0},
        "stf.sampled": {"done": 1, "failed": 0},
        "tfs.sliced": {"done": 2, "failed": 0},
        "slices.processed": {"done": 0, "failed": 0},
        "stf.checked": {"done": 1, "failed": 0},
    }


@pytest.mark.parametrize("stage", ["stf.processed", "calibrated", "tfs.checked", "stf.Calibrated"])
def test_a_stage_that_is_not_an_agents_own_is_refused(recorded: Recorded, stage: str) -> None:
    recorded.execution(ALL)
    assert recorded.passed(stage).status_code == 400


def test_a_stage_of_an_unknown_execution_is_refused(recorded: Recorded) -> None:
    recorded.execution_id = "none-0001"
    answer = recorded.passed()
    assert (answer.status_code, answer.json()["execution_id"]) == (
        400,
        ["There is no execution none-0001."],
    )


def test_a_viewer_records_no_stage(recorded: Recorded, viewer: Api) -> None:
    recorded.execution(ALL)
    recorded.agent = viewer
    assert recorded.passed().status_code == 403
