"""The simulated timelines of the predecessor, tick by tick, and how a workflow may end.

The expected ticks are the predecessor's: its timelines are kept.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import simpy

from swf_common.configuration.groups import DaqStateMachine
from swf_common.configuration.modules import WorkflowModule, find_workflow
from swf_common.protocol.progress import DAQ_PHASES
from swf_common.protocol.states import EndReason, ExecutionStatus
from tests.unit.simulation import EXECUTION_ID, RUN_ID, WORKFLOWS, Ran, resolved, run
from workflows.api import Daq, Steps

Timeline = list[tuple[str, float]]
OPENING = [("run_imminent", 5.0), ("start_run", 13.1)]


def stfs(*ticks: float) -> Timeline:
    return [("stf_gen", tick) for tick in ticks]


TIMELINES: dict[str, tuple[str, dict[str, Any], Timeline, float]] = {
    "fast_processing_default": (
        "fast_processing_default",
        {},
        [
            *OPENING,
            *stfs(14.2, 16.4, 18.6, 20.8, 23.0, 25.2, 27.4, 29.6, 31.8, 34.0),
            ("end_run", 34.2),
        ],
        40.3,
    ),
    "stf_datataking_default": (
        "stf_datataking_default",
        {},
        [*OPENING, *stfs(14.2, 16.6, 19.0, 21.4, 23.8), ("end_run", 24.0)],
        30.1,
    ),
    "stf_processing_default": (
        "stf_processing_default",
        {},
        [
            *OPENING,
            *stfs(14.2, 16.4, 18.6, 20.8, 23.0),
            ("pause_run", 25.2),
            ("resume_run", 28.3),
            *stfs(29.4, 31.6, 33.8, 36.0, 38.2),
            ("end_run", 40.4),
        ],
        46.5,
    ),
    "two periods of three STFs": (
        "fast_processing_default",
        {"stf_count": 3, "physics_period_count": 2},
        [
            *OPENING,
            *stfs(14.2, 16.4, 18.6),
            ("pause_run", 18.8),
            ("resume_run", 21.9),
            *stfs(23.0, 25.2, 27.4),
            ("end_run", 27.6),
        ],
        33.7,
    ),
}
STATES = {
    "run_imminent": ("beam", "not_ready"),
    "start_run": ("run", "physics"),
    "stf_gen": ("run", "physics"),
    "pause_run": ("run", "standby"),
    "resume_run": ("run", "physics"),
    "end_run": ("beam", "not_ready"),
}


@pytest.fixture(params=TIMELINES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Ran, Timeline, float]:
    config, parameters, timeline, finish = TIMELINES[request.param]
    return run(tmp_path, resolved(config, **parameters)), timeline, finish


def test_every_message_comes_at_its_tick(case: tuple[Ran, Timeline, float]) -> None:
    ran, timeline, _ = case
    assert ran.timeline == timeline


def test_the_run_finishes_at_its_tick(case: tuple[Ran, Timeline, float]) -> None:
    ran, _, finish = case
    assert ran.finished == finish
    assert ran.outcome.status == ExecutionStatus.COMPLETED
    assert ran.outcome.reason == "completed"


def test_there_is_one_imminent_one_start_and_one_end(case: tuple[Ran, Timeline, float]) -> None:
    ran, _, _ = case
    assert [len(ran.only(kind)) for kind in ("run_imminent", "start_run", "end_run")] == [1, 1, 1]
    assert (ran.sent[0].msg_type, ran.sent[-1].msg_type) == ("run_imminent", "end_run")


def test_every_message_carries_its_state(case: tuple[Ran, Timeline, float]) -> None:
    ran, _, _ = case
    seen = [(message.field("state"), message.field("substate")) for message in ran.sent]
    assert seen == [STATES[message.msg_type] for message in ran.sent]


def test_every_message_names_its_execution_and_run(case: tuple[Ran, Timeline, float]) -> None:
    ran, _, _ = case
    assert {message.execution_id for message in ran.sent} == {EXECUTION_ID}
    assert {message.run_id for message in ran.sent} == {RUN_ID}
    assert len({message.message_id for message in ran.sent}) == len(ran.sent)


def test_sequence_numbers_go_on_over_all_periods(case: tuple[Ran, Timeline, float]) -> None:
    ran, _, _ = case
    made = ran.only("stf_gen")
    numbers = list(range(1, len(made) + 1))
    assert [message.sequence for message in made] == numbers
    assert [message.filename for message in made] == [f"swf.{RUN_ID}.{n:06d}.stf" for n in numbers]


def test_size_and_checksum_are_those_of_the_file(case: tuple[Ran, Timeline, float]) -> None:
    ran, _, _ = case
    for message in ran.only("stf_gen"):
        content = Path(message.file_url.removeprefix("file://")).read_bytes()
        assert message.size_bytes == len(content) > 0
        assert message.checksum == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_the_end_says_how_many_stfs_there_are(case: tuple[Ran, Timeline, float]) -> None:
    ran, timeline, _ = case
    (end,) = ran.only("end_run")
    made = sum(kind == "stf_gen" for kind, _ in timeline)
    assert end.total_stf_files == made == ran.outcome.metrics["stf_generated"]
    assert end.reason == EndReason.COMPLETED


def test_the_same_run_is_told_with_the_same_message_ids(tmp_path: Path) -> None:
    once, again = (run(tmp_path, resolved(stf_count=3)) for _ in range(2))
    assert [message.message_id for message in once.sent] == [
        message.message_id for message in again.sent
    ]


def test_the_start_of_an_stf_follows_the_simulated_time(tmp_path: Path) -> None:
    made = run(tmp_path, resolved(stf_count=3)).only("stf_gen")
    began = made[0].start
    assert [round((message.start - began).total_seconds(), 3) for message in made] == [0, 2.2, 4.4]
    assert all(message.end > message.start for message in made)


def test_the_announcement_tells_the_workers_that_fast_processing_wants(tmp_path: Path) -> None:
    (fast,) = run(tmp_path, resolved()).only("run_imminent")
    (plain,) = run(tmp_path, resolved("stf_datataking_default")).only("run_imminent")
    assert fast.field("target_worker_count") == 30
    assert plain.field("target_worker_count") is None
    assert fast.dataset == f"swf.{RUN_ID}.run"


@pytest.mark.parametrize("name", ["fast_processing", "prompt_processing"])
def test_the_other_workflows_take_data_as_stf_datataking_does(tmp_path: Path, name: str) -> None:
    fast = find_workflow(WORKFLOWS, name, "a test")
    ran = run(tmp_path, resolved(), workflow=fast)
    assert ran.timeline == TIMELINES["fast_processing_default"][2]
    assert ran.finished == 40.3


def test_a_stop_before_the_announcement_sends_nothing(tmp_path: Path) -> None:
    ran = run(tmp_path, resolved(), stop_first=True)
    assert ran.sent == []
    assert ran.outcome.status == ExecutionStatus.TERMINATED
    assert ran.outcome.reason == "stopped"


@pytest.mark.parametrize("moment", sorted((DAQ_PHASES.keys() | {"stf_gen"}) - {"end_run"}))
def test_a_stop_after_the_announcement_ends_the_run_once(tmp_path: Path, moment: str) -> None:
    content = resolved(stf_count=3, physics_period_count=2)
    ran = run(tmp_path, content, stop_at=lambda message: message.msg_type == moment)
    (end,) = ran.only("end_run")
    assert [message.msg_type for message in ran.sent[-2:]] == [moment, "end_run"]
    assert (end.reason, end.total_stf_files) == (EndReason.STOPPED, len(ran.only("stf_gen")))
    assert ran.outcome.status == ExecutionStatus.TERMINATED


def test_a_stop_after_the_end_of_the_run_does_not_end_it_again(tmp_path: Path) -> None:
    ran = run(tmp_path, resolved(), stop_at=lambda message: message.msg_type == "end_run")
    assert len(ran.only("end_run")) == 1
    assert ran.only("end_run")[0].reason == EndReason.COMPLETED


def test_the_duration_limits_the_run(tmp_path: Path) -> None:
    ran = run(tmp_path, resolved(), duration=18.0)
    assert ran.timeline[:-1] == [*OPENING, *stfs(14.2, 16.4)]
    (end,) = ran.only("end_run")
    assert (end.reason, end.total_stf_files) == (EndReason.DURATION, 2)
    assert (ran.outcome.status, ran.outcome.reason) == (ExecutionStatus.COMPLETED, "duration")


def test_a_duration_that_ends_before_the_announcement_sends_nothing(tmp_path: Path) -> None:
    ran = run(tmp_path, resolved(), duration=4.0)
    assert ran.sent == []
    assert ran.outcome.reason == "duration"


def test_a_run_without_end_is_ended_by_its_duration(tmp_path: Path) -> None:
    ran = run(tmp_path, resolved(physics_period_count=0, stf_count=1), duration=30.0)
    assert len(ran.only("pause_run")) > 1
    assert ran.only("end_run")[0].reason == EndReason.DURATION


def test_a_duration_beyond_the_end_changes_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, resolved(), duration=1000.0).finished == 40.3


def module(steps: Callable[[simpy.Environment, Daq[DaqStateMachine]], Steps]) -> WorkflowModule:
    """A workflow that takes these steps."""
    return WorkflowModule("made_up", DaqStateMachine, steps, "")


def failing_before(env: simpy.Environment, daq: Daq[DaqStateMachine]) -> Steps:
    yield env.timeout(1)
    raise ValueError("the beam is gone")


def failing_after(env: simpy.Environment, daq: Daq[DaqStateMachine]) -> Steps:
    daq.run_imminent()
    yield env.timeout(1)
    raise ValueError("the beam is gone")


def failing_at_once(env: simpy.Environment, daq: Daq[DaqStateMachine]) -> Steps:
    daq.run_imminent()
    raise ValueError("the beam is gone")
    yield env.timeout(1)


def leaving(env: simpy.Environment, daq: Daq[DaqStateMachine]) -> Steps:
    daq.run_imminent()
    yield env.timeout(1)
    raise SystemExit(-1)


def stuck(env: simpy.Environment, daq: Daq[DaqStateMachine]) -> Steps:
    daq.run_imminent()
    yield env.event()


def making_one(env: simpy.Environment, daq: Daq[DaqStateMachine]) -> Steps:
    daq.run_imminent()
    yield env.timeout(1)
    daq.generate_stf()


def forgetful(env: simpy.Environment, daq: Daq[DaqStateMachine]) -> Steps:
    daq.run_imminent()
    yield env.timeout(1)


def test_a_workflow_that_fails_before_the_announcement_has_failed(tmp_path: Path) -> None:
    ran = run(tmp_path, resolved(), workflow=module(failing_before))
    assert ran.sent == []
    assert ran.outcome.status == ExecutionStatus.FAILED
    assert ran.outcome.reason == "ValueError: the beam is gone"


def test_a_full_exit_buffer_ends_the_run_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    ran = run(tmp_path, resolved())
    (end,) = ran.only("end_run")
    assert (end.reason, end.total_stf_files) == (EndReason.FAILED, 0)
    assert ran.outcome.status == ExecutionStatus.FAILED
    assert "VolumeFull: swf.100001.000001.stf" in ran.outcome.reason
    assert "No space left on device" in ran.outcome.reason


def test_an_exit_buffer_that_is_full_of_needed_stfs_ends_the_run_as_failed(tmp_path: Path) -> None:
    content = resolved(stf_count=5)
    content["retention"] = {"daq_buffer_limit_mb": 0.001}
    ran = run(tmp_path, content, needed=lambda files: [True] * len(files))
    (end,) = ran.only("end_run")
    assert end.reason == EndReason.FAILED
    assert 0 < end.total_stf_files < 5
    assert len(list(tmp_path.rglob("*.stf"))) == end.total_stf_files
    assert "its limit is 0.001 MB, and its files are needed" in ran.outcome.reason


def test_an_exit_buffer_with_a_limit_loses_the_oldest_stfs_that_nobody_needs(
    tmp_path: Path,
) -> None:
    content = resolved(stf_count=20)
    content["test"]["tf_count"] = 20
    content["retention"] = {"daq_buffer_limit_mb": 0.2}
    ran = run(tmp_path, content)
    names = [message.filename for message in ran.only("stf_gen")]
    left = sorted(path.name for path in tmp_path.rglob("*.stf"))
    assert (len(names), ran.outcome.status) == (20, ExecutionStatus.COMPLETED)
    assert left == names[-len(left) :]
    assert 0 < sum(path.stat().st_size for path in tmp_path.rglob("*.stf")) < 250_000


def test_data_that_cannot_be_made_end_the_run_as_failed(tmp_path: Path) -> None:
    content = resolved()
    content["test"]["mean_hits_per_tf"] = -1
    ran = run(tmp_path, content, workflow=module(making_one))
    assert ran.only("end_run")[0].reason == EndReason.FAILED
    assert "mean_hits_per_tf = -1 is not valid: must be 0 to 10000" in ran.outcome.reason


@pytest.mark.parametrize("workflow", [failing_after, failing_at_once, leaving, stuck])
def test_a_workflow_that_fails_ends_its_run_as_failed(tmp_path: Path, workflow: Any) -> None:
    ran = run(tmp_path, resolved(), workflow=module(workflow))
    assert [message.msg_type for message in ran.sent] == ["run_imminent", "end_run"]
    assert ran.only("end_run")[0].reason == EndReason.FAILED
    assert ran.outcome.status == ExecutionStatus.FAILED


def test_a_workflow_that_forgets_to_end_its_run_has_it_ended(tmp_path: Path) -> None:
    ran = run(tmp_path, resolved(), workflow=module(forgetful))
    assert ran.timeline == [("run_imminent", 0.0), ("end_run", 1.0)]
    assert ran.outcome.status == ExecutionStatus.COMPLETED


def test_a_full_exit_buffer_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / RUN_ID).write_text("a file where the folder of the run should be")
    ran = run(tmp_path, resolved())
    assert ran.only("end_run")[0].reason == EndReason.FAILED
    assert ran.outcome.metrics["stf_generated"] == 0
    assert ran.outcome.status == ExecutionStatus.FAILED
