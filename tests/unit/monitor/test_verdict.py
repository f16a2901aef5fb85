"""The one line that says how the testbed is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records.queries.verdict import RUNNER, AgentFacts, Snapshot, judge
from swf_common.protocol.states import AgentStatus, OperationalState

RUNNING = AgentFacts("workflow-runner-agent-me-0001", RUNNER, "READY", "OK", True, 100.0)
DATA = AgentFacts("data-agent-me-0002", "example-data-agent", "PROCESSING", "OK", True, 100.0)
FINE = Snapshot(broker_connected=True, recorder_silent_s=0.5, agents=(RUNNING, DATA))


def test_a_testbed_with_a_ready_runner_and_no_trouble_is_ready() -> None:
    verdict = judge(FINE)
    assert (verdict.word, verdict.sentence) == ("ready", "2 agents are ready")
    assert (verdict.tone, verdict.troubles) == ("ok", [])


def test_a_testbed_that_runs_something_names_it() -> None:
    verdict = judge(replace(FINE, running=("w-me-0001",)))
    assert (verdict.word, verdict.sentence) == ("running", "w-me-0001 is running")


def test_without_a_runner_nothing_is_ready_and_the_verdict_says_what_to_do() -> None:
    verdict = judge(replace(FINE, agents=(DATA,)))
    assert verdict.word == "not ready"
    assert "testbed up" in verdict.sentence


@pytest.mark.parametrize(
    ("seen", "part"),
    [
        (replace(FINE, broker_connected=False), "no connection to the broker"),
        (replace(FINE, recorder_silent_s=None), "recorder has not been at work"),
        (replace(FINE, recorder_silent_s=30.0), "not been at work for 30 s"),
        (replace(FINE, recorder_lag_s=12.0), "12 s behind"),
        (replace(FINE, dead_letters=1), "1 dead letter is open"),
        (replace(FINE, dead_letters=2), "2 dead letters are open"),
        (replace(FINE, lost=("transformer",)), "transformer has died"),
        (
            replace(FINE, agents=(RUNNING, replace(DATA, fresh=False))),
            "data-agent-me-0002 is silent",
        ),
        (replace(FINE, agents=(RUNNING, replace(DATA, status="WARNING"))), "is WARNING"),
        (
            replace(FINE, agents=(RUNNING, replace(DATA, status="ERROR", description="it hangs"))),
            "is ERROR (it hangs): testbed logs example-data-agent",
        ),
        (
            replace(FINE, agents=(RUNNING, replace(DATA, operational_state="STARTING"))),
            "does not become READY",
        ),
    ],
)
def test_each_trouble_degrades_the_verdict_and_stands_in_it(seen: Snapshot, part: str) -> None:
    verdict = judge(seen)
    assert (verdict.word, verdict.tone) == ("degraded", "bad")
    assert part in verdict.sentence
    assert part in judge(replace(seen, running=("w-me-0001",))).sentence


def test_an_agent_that_has_just_begun_is_no_trouble() -> None:
    young = replace(DATA, operational_state="STARTING", status="WARNING", known_s=3.0)
    assert judge(replace(FINE, agents=(RUNNING, young))).word == "ready"


@given(
    st.builds(
        Snapshot,
        broker_connected=st.booleans(),
        recorder_silent_s=st.none() | st.floats(0, 100),
        recorder_lag_s=st.floats(0, 100),
        agents=st.lists(
            st.builds(
                AgentFacts,
                instance_name=st.just("a"),
                program=st.sampled_from([RUNNER, "x"]),
                operational_state=st.sampled_from([s.value for s in OperationalState]),
                status=st.sampled_from([s.value for s in AgentStatus]),
                fresh=st.booleans(),
                known_s=st.floats(0, 1000),
            ),
            max_size=4,
        ),
        lost=st.lists(st.just("x"), max_size=1),
        running=st.lists(st.just("w-me-0001"), max_size=1),
        dead_letters=st.integers(0, 3),
    )
)
def test_a_verdict_is_degraded_exactly_when_it_names_troubles(seen: Snapshot) -> None:
    verdict = judge(seen)
    assert (verdict.word == "degraded") == bool(verdict.troubles)
    assert all(trouble and "None" not in trouble for trouble in verdict.troubles)
    assert verdict.sentence
