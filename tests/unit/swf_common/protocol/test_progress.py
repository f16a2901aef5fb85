"""Whether a run has drained: everything that it made is accounted for, or named as missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swf_common.protocol.progress import Progress, open_items
from swf_common.protocol.states import ExecutionStatus
from testbed.testing import new_progress

ALL = ("stf.registered", "stf.processed")


def ended(
    generated: int = 5,
    registered: int = 5,
    processed: int = 5,
    failed: int = 0,
    *,
    total: int | None = 5,
    **facts: Any,
) -> Progress:
    stf = {
        "generated": generated,
        "registered": registered,
        "processed": processed,
        "failed": failed,
    }
    usual = {"status": ExecutionStatus.COMPLETED, "run_announced": True, "run_ended": True}
    return new_progress(stf=stf, total_stf_files=total, **{**usual, **facts})


def items(progress: Progress, **facts: Any) -> list[str]:
    usual: dict[str, Any] = {"stages": ALL, "queues": [], "busy_agents": []}
    return open_items(progress, **{**usual, **facts})


def test_a_run_has_drained_when_every_stf_is_accounted_for() -> None:
    assert items(ended()) == []


def test_a_failed_stf_is_accounted_for() -> None:
    assert items(ended(processed=3, failed=2)) == []


@pytest.mark.parametrize("status", [ExecutionStatus.PENDING, ExecutionStatus.RUNNING])
def test_a_run_that_goes_on_has_not_drained(status: ExecutionStatus) -> None:
    assert items(ended(status=status)) == [f"the workflow is {status}"]


@pytest.mark.parametrize("status", [status for status in ExecutionStatus if status.final])
def test_however_a_run_ended_it_drains(status: ExecutionStatus) -> None:
    assert items(ended(status=status)) == []


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (ended(total=None), ["end_run is not recorded"]),
        (ended(generated=3), ["2 of 5 stf_gen messages are not recorded"]),
        (ended(registered=4), ["1 STFs are not registered"]),
        (ended(processed=0), ["5 STFs are not processed"]),
        (ended(processed=1, failed=2), ["2 STFs are not processed"]),
        (ended(generated=7), ["2 STFs are not registered", "2 STFs are not processed"]),
        (ended(run_ended=False), ["the run's record has no end time"]),
        (
            ended(stf_sent=7),
            [
                "2 of 7 stf_gen messages are not recorded",
                "2 STFs are not registered",
                "2 STFs are not processed",
            ],
        ),
        (
            ended(registered=6),
            ["1 of 6 stf_gen messages are not recorded", "1 STFs are not processed"],
        ),
    ],
)
def test_what_is_missing_is_named_with_its_number(progress: Progress, expected: list[str]) -> None:
    assert items(progress) == expected


FAST = ("stf.registered", "stf.sampled", "tfs.sliced", "slices.processed")


@pytest.mark.parametrize(
    ("sampled", "tfs", "slices", "expected"),
    [
        (5, (80, 80), (40, 40, 0), []),
        (5, (80, 80), (40, 38, 2), []),
        (4, (64, 64), (32, 32, 0), ["1 STFs are not sampled"]),
        (5, (80, 64), (32, 32, 0), ["16 TFs are not sliced"]),
        (5, (80, 80), (40, 30, 2), ["8 slices are not processed"]),
    ],
)
def test_a_run_with_fast_processing_drains_with_its_last_slice(
    sampled: int, tfs: tuple[int, int], slices: tuple[int, int, int], expected: list[str]
) -> None:
    progress = ended(
        processed=0,
        stf_sampled=sampled,
        tfs={"sampled": tfs[0], "in_slices": tfs[1], "in_results": 0},
        slices=dict(zip(("created", "completed", "failed"), slices, strict=True)),
    )
    assert items(progress, stages=FAST) == expected


def test_only_the_stages_of_the_selected_agents_are_asked_for() -> None:
    assert items(ended(registered=0, processed=0), stages=()) == []
    assert items(ended(processed=0), stages=["stf.registered"]) == []


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"done": 2, "failed": 0}, ["3 STFs are not calibrated"]),
        ({"done": 4, "failed": 1}, []),
        (None, ["5 STFs are not calibrated"]),
    ],
)
def test_a_stage_that_an_agent_brings_along_is_asked_for_like_every_other(
    counts: dict[str, int] | None, expected: list[str]
) -> None:
    progress = ended(stages={} if counts is None else {"stf.calibrated": counts})
    assert items(progress, stages=[*ALL, "stf.calibrated"]) == expected


def test_a_run_that_was_never_announced_needs_no_end() -> None:
    never = ended(0, 0, 0, total=None, run_announced=False, run_ended=False)
    assert items(never) == []


def test_without_an_agent_that_registers_nobody_ends_the_runs_record() -> None:
    assert items(ended(run_ended=False), stages=["stf.processed"]) == []


def test_messages_that_wait_in_a_queue_are_open() -> None:
    queues = [
        {"queue": "Consumer.torre1-recorder.epictopic", "depth": 0},
        {"queue": "Consumer.torre1-example-data-agent.epictopic", "depth": 1},
    ]
    assert items(ended(), queues=queues) == [
        "1 messages wait in Consumer.torre1-example-data-agent.epictopic"
    ]


def test_a_broker_that_does_not_tell_its_queues_leaves_the_run_open() -> None:
    assert items(ended(), queues=None) == ["the broker did not report its queues"]


def test_an_agent_that_is_at_work_leaves_the_run_open() -> None:
    assert items(ended(), busy_agents=["a data agent is at work"]) == ["a data agent is at work"]


COUNTS = st.integers(0, 20)


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.none() | COUNTS)
def test_a_run_never_drains_while_an_stf_is_missing(
    generated: int, registered: int, processed: int, failed: int, total: int | None
) -> None:
    progress = ended(generated, registered, processed, failed, total=total)
    made = max(generated, registered, total or 0)
    whole = (
        total is not None
        and generated >= made
        and registered >= made
        and processed + failed >= made
    )
    assert (items(progress) == []) == whole


def test_the_answer_of_the_monitor_is_read_whatever_else_it_holds() -> None:
    answer = {
        "execution_id": "stf_datataking-user-0001",
        "run_id": "100010",
        "status": "completed",
        "reason": "completed",
        "start_time": "2026-01-05T12:00:00Z",
        "end_time": None,
        "total_stf_files": 5,
        "run_announced": True,
        "run_ended": True,
        "stf_sent": 5,
        "dead_letters": 0,
        "stf": {"generated": 5, "registered": 5, "processed": 4, "failed": 1},
        "stf_sampled": 4,
        "tf_files": 28,
        "tfs": {"sampled": 80, "in_slices": 80, "in_results": 78},
        "slices": {"created": 40, "completed": 39, "failed": 0},
        "stages": {"stf.calibrated": {"done": 3, "failed": 1}},
        "hits": 8000,
        "messages": 13,
    }
    progress = Progress.from_answer(answer)
    assert progress.status is ExecutionStatus.COMPLETED
    assert progress.stages == answer["stages"]
