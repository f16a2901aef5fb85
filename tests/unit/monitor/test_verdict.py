"""The one line that says how the testbed is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records.models import RecorderStatus, SystemAgent, WorkflowExecution
from monitor.records.queries.testbed import Snapshot
from monitor.records.queries.verdict import RUNNER, judge, obstacle
from swf_common.protocol.states import AgentStatus, OperationalState

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def agent(
    instance_name: str,
    program: str,
    state: str = "READY",
    status: str = "OK",
    *,
    silent_s: float = 1.0,
    known_s: float = 100.0,
    description: str = "",
) -> SystemAgent:
    return SystemAgent(
        instance_name=instance_name,
        program=program,
        operational_state=state,
        status=status,
        last_heartbeat=ago(silent_s),
        heartbeat_interval=10.0,
        created_at=ago(known_s),
        description=description,
    )


def recorder(silent_s: float = 0.5, lag_s: float = 0.0) -> RecorderStatus:
    return RecorderStatus(updated_at=ago(silent_s), lag_s=lag_s)


def data_agent(state: str = "PROCESSING", status: str = "OK", **facts: Any) -> SystemAgent:
    return agent("data-agent-me-0002", "example-data-agent", state, status, **facts)


READY_RUNNER = agent("workflow-runner-agent-me-0001", RUNNER)
EXECUTION = WorkflowExecution(execution_id="w-me-0001")
FINE = Snapshot(
    NOW, broker_connected=True, recorder=recorder(), agents=(READY_RUNNER, data_agent())
)


def test_a_testbed_with_a_ready_runner_and_no_trouble_is_ready() -> None:
    verdict = judge(FINE)
    assert (verdict.word, verdict.sentence) == ("ready", "2 agents are ready")
    assert (verdict.tone, verdict.troubles) == ("ok", [])


def test_a_testbed_that_runs_something_names_it() -> None:
    verdict = judge(replace(FINE, running=(EXECUTION,)))
    assert (verdict.word, verdict.sentence) == ("running", "w-me-0001 is running")


def test_without_a_runner_nothing_is_ready_and_the_verdict_says_what_to_do() -> None:
    verdict = judge(replace(FINE, agents=(data_agent(),)))
    assert verdict.word == "not ready"
    assert "testbed up" in verdict.sentence


@pytest.mark.parametrize(
    ("seen", "part"),
    [
        (replace(FINE, broker_connected=False), "no connection to the broker"),
        (replace(FINE, recorder=None), "recorder has not been at work"),
        (replace(FINE, recorder=recorder(30.0)), "not been at work for 30 s"),
        (replace(FINE, recorder=recorder(lag_s=12.0)), "12 s behind"),
        (replace(FINE, dead_letters=1), "1 dead letter is open"),
        (replace(FINE, dead_letters=2), "2 dead letters are open"),
        (replace(FINE, lost=("transformer",)), "transformer has died"),
        (
            replace(FINE, agents=(READY_RUNNER, data_agent(silent_s=31.0))),
            "data-agent-me-0002 is silent",
        ),
        (replace(FINE, agents=(READY_RUNNER, data_agent(status="WARNING"))), "is WARNING"),
        (
            replace(
                FINE, agents=(READY_RUNNER, data_agent(status="ERROR", description="it hangs"))
            ),
            "is ERROR (it hangs): testbed logs example-data-agent",
        ),
        (
            replace(FINE, agents=(READY_RUNNER, data_agent("STARTING"))),
            "does not become READY",
        ),
    ],
)
def test_each_trouble_degrades_the_verdict_and_stands_in_it(seen: Snapshot, part: str) -> None:
    verdict = judge(seen)
    assert (verdict.word, verdict.tone) == ("degraded", "bad")
    assert part in verdict.sentence
    assert part in judge(replace(seen, running=(EXECUTION,))).sentence


def test_an_agent_that_has_just_begun_is_no_trouble() -> None:
    young = data_agent("STARTING", "WARNING", known_s=3.0)
    assert judge(replace(FINE, agents=(READY_RUNNER, young))).word == "ready"


@given(
    st.builds(
        Snapshot,
        now=st.just(NOW),
        broker_connected=st.booleans(),
        recorder=st.none() | st.builds(recorder, st.floats(0, 100), st.floats(0, 100)),
        agents=st.lists(
            st.builds(
                agent,
                instance_name=st.just("a"),
                program=st.sampled_from([RUNNER, "x"]),
                state=st.sampled_from([s.value for s in OperationalState]),
                status=st.sampled_from([s.value for s in AgentStatus]),
                silent_s=st.floats(0, 100),
                known_s=st.floats(0, 1000),
            ),
            max_size=4,
        ),
        lost=st.lists(st.just("x"), max_size=1),
        running=st.lists(st.just(EXECUTION), max_size=1),
        dead_letters=st.integers(0, 3),
    )
)
def test_a_verdict_is_degraded_exactly_when_it_names_troubles(seen: Snapshot) -> None:
    verdict = judge(seen)
    assert (verdict.word == "degraded") == bool(verdict.troubles)
    assert all(trouble and "None" not in trouble for trouble in verdict.troubles)
    assert verdict.sentence
    assert (verdict.word == "ready") <= (obstacle(seen) is None)
    assert (obstacle(seen) is None) <= (verdict.word in ("ready", "degraded"))
