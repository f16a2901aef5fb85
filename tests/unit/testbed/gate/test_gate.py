"""Every reason of the gate's `decide`, one table row or one test each."""

from __future__ import annotations

import pytest

from testbed.engine.inspection import Container
from testbed.gate.decision import AgentVerdict, Expected, Outcome, Verdict, decide
from testbed.monitor_client.snapshot import Snapshot
from tests.unit.samples import (
    FULL_ID,
    NAMESPACE,
    PROGRAM,
    a_container,
    a_snapshot,
    an_agent,
    moment,
)

WANTED = Expected(PROGRAM)
OTHER_ID = "fedcba9876543210" * 4


def judge(
    container: Container, snapshot: Snapshot | None, wanted: Expected = WANTED
) -> AgentVerdict:
    (verdict,) = decide(NAMESPACE, [wanted], [container], snapshot).agents
    return verdict


@pytest.mark.parametrize("state", ["READY", "PROCESSING"])
@pytest.mark.parametrize("health", ["healthy", "starting", None])
def test_an_agent_that_has_proved_itself_is_ready(state: str, health: str | None) -> None:
    agent = an_agent(operational_state=state)
    verdict = judge(a_container(health=health), a_snapshot(agent))
    assert (verdict.outcome, verdict.reason) == (Outcome.READY, "")
    assert verdict.agent == agent


@pytest.mark.parametrize("known_as", [FULL_ID, FULL_ID[:12], FULL_ID[:20]])
@pytest.mark.parametrize("container_id", [FULL_ID, FULL_ID[:12]])
def test_short_and_long_ids_name_the_same_container(known_as: str, container_id: str) -> None:
    verdict = judge(
        a_container(container_id=container_id), a_snapshot(an_agent(container_id=known_as))
    )
    assert verdict.outcome == Outcome.READY


@pytest.mark.parametrize("known_as", [FULL_ID[:11], "", OTHER_ID, FULL_ID[:12] + "f" * 52])
def test_an_id_that_is_too_short_or_another_one_does_not_count(known_as: str) -> None:
    verdict = judge(a_container(), a_snapshot(an_agent(container_id=known_as)))
    assert verdict.reason == "no heartbeat from this container yet"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"container_id": None}, "no heartbeat from this container yet"),
        ({"container_id": OTHER_ID}, "no heartbeat from this container yet"),
        ({"namespace": "torre2"}, "no heartbeat from this container yet"),
        ({"namespace": None}, "no heartbeat from this container yet"),
        ({"received_at": None}, "no heartbeat from this container yet"),
        ({"received_at": moment(-1)}, "no heartbeat since the container's last start"),
        ({"operational_state": "STARTING"}, "STARTING"),
        (
            {"operational_state": "STARTING", "description": "no broker: refused"},
            "STARTING: no broker: refused",
        ),
        ({"operational_state": "EXITED", "status": "EXITED"}, "EXITED"),
        (
            {"status": "WARNING", "description": "no broker: lost"},
            "READY, but WARNING: no broker: lost",
        ),
        ({"status": "WARNING"}, "READY, but WARNING"),
        ({"status": "UNKNOWN"}, "READY, but UNKNOWN"),
        ({"operational_state": "PROCESSING", "status": "ERROR"}, "PROCESSING, but ERROR"),
    ],
)
def test_what_is_missing_is_waited_for_by_name(facts: dict[str, object], reason: str) -> None:
    verdict = judge(a_container(), a_snapshot(an_agent(**facts)))
    assert (verdict.outcome, verdict.reason) == (Outcome.WAITING, reason)


def test_a_heartbeat_from_before_the_last_start_does_not_count() -> None:
    restarted = a_container(started_at=moment(9.5), restart_count=1)
    verdict = judge(restarted, a_snapshot(an_agent(received_at=moment(9))))
    assert verdict.outcome == Outcome.WAITING
    assert judge(restarted, a_snapshot(an_agent(received_at=moment(9.6)))).outcome == Outcome.READY


def test_a_heartbeat_at_the_very_start_counts() -> None:
    verdict = judge(a_container(started_at=moment(9)), a_snapshot(an_agent(received_at=moment(9))))
    assert verdict.outcome == Outcome.READY


@pytest.mark.parametrize(
    ("interval", "age", "outcome"),
    [
        (5.0, 15.0, Outcome.READY),
        (5.0, 15.1, Outcome.WAITING),
        (None, 180.0, Outcome.READY),
        (None, 180.1, Outcome.WAITING),
        (1.0, 4.0, Outcome.WAITING),
    ],
)
def test_a_heartbeat_is_fresh_for_three_of_its_own_intervals(
    interval: float | None, age: float, outcome: Outcome
) -> None:
    agent = an_agent(heartbeat_interval=interval, received_at=moment(1))
    verdict = judge(a_container(), a_snapshot(agent, at=1 + age))
    assert verdict.outcome == outcome
    if outcome == Outcome.WAITING:
        assert verdict.reason == f"last heartbeat (READY) is {age:.0f} s old"


def test_stale_rows_of_earlier_containers_are_not_looked_at() -> None:
    stale = an_agent(container_id=OTHER_ID, instance_name="old", operational_state="EXITED")
    assert judge(a_container(), a_snapshot(stale, an_agent())).outcome == Outcome.READY
    assert judge(a_container(), a_snapshot(stale)).outcome == Outcome.WAITING


@pytest.mark.parametrize("turn", [1, -1])
def test_of_several_rows_of_a_container_the_newest_counts(turn: int) -> None:
    older = an_agent(instance_name="first", received_at=moment(8))
    newer = an_agent(instance_name="second", received_at=moment(9), operational_state="STARTING")
    verdict = judge(a_container(), a_snapshot(*[older, newer][::turn]))
    assert (verdict.outcome, verdict.reason, verdict.agent) == (Outcome.WAITING, "STARTING", newer)


def test_a_row_that_is_there_twice_changes_nothing() -> None:
    assert judge(a_container(), a_snapshot(an_agent(), an_agent())).outcome == Outcome.READY


@pytest.mark.parametrize("skew_s", [-86_400, -3600, 3600, 86_400])
def test_the_testbeds_clock_alone_counts(skew_s: float) -> None:
    """Engine and monitor go with one clock; how far it is from the command's does not matter."""
    verdict = judge(
        a_container(started_at=moment(skew_s)),
        a_snapshot(an_agent(received_at=moment(skew_s + 9)), at=skew_s + 10),
    )
    assert verdict.outcome == Outcome.READY


def test_while_the_monitor_is_away_running_agents_are_waited_for() -> None:
    verdict = judge(a_container(), None)
    assert (verdict.outcome, verdict.reason) == (Outcome.WAITING, "the monitor does not answer")


@pytest.mark.parametrize(
    ("facts", "outcome", "reason"),
    [
        ({"state": "exited", "exit_code": 3}, Outcome.FAILED, "container exited with code 3"),
        ({"state": "exited"}, Outcome.FAILED, "container is stopped (testbed up starts it)"),
        ({"state": "dead", "exit_code": 137}, Outcome.FAILED, "container exited with code 137"),
        (
            {"state": "created", "started_at": None},
            Outcome.FAILED,
            "container was created but not started",
        ),
        ({"health": "unhealthy"}, Outcome.WAITING, "READY, but its container is unhealthy"),
        ({"state": "restarting"}, Outcome.WAITING, "container is restarting"),
        ({"state": "restarting", "restart_count": 3}, Outcome.WAITING, "container is restarting"),
        (
            {"state": "restarting", "restart_count": 4, "exit_code": 1},
            Outcome.FAILED,
            "restart loop: restarted 4 times, last exit code 1",
        ),
        (
            {"restart_count": 4, "started_at": moment(9.5)},
            Outcome.FAILED,
            "restart loop: restarted 4 times",
        ),
        ({"state": "removing"}, Outcome.WAITING, "container is removing"),
        ({"started_at": None}, Outcome.WAITING, "no heartbeat since the container's last start"),
    ],
)
def test_the_container_itself_may_stand_in_the_way(
    facts: dict[str, object], outcome: Outcome, reason: str
) -> None:
    verdict = judge(a_container(**facts), a_snapshot(an_agent()))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_a_paused_container_is_waited_for_and_the_way_out_is_told() -> None:
    verdict = judge(a_container(state="paused"), a_snapshot(an_agent()))
    assert verdict.outcome == Outcome.WAITING
    assert "paused" in verdict.reason
    assert "docker unpause" in verdict.reason


def test_an_agent_that_has_proved_itself_is_ready_however_often_it_restarted_before() -> None:
    restarted = a_container(restart_count=7)
    assert judge(restarted, a_snapshot(an_agent())).outcome == Outcome.READY


def test_a_container_that_restarted_often_but_long_ago_is_no_restart_loop() -> None:
    settled = a_container(restart_count=9)
    silent = an_agent(status="WARNING", received_at=moment(30))
    assert judge(settled, a_snapshot(silent, at=30)).outcome == Outcome.WAITING
    assert judge(settled, a_snapshot(silent, at=29.9)).outcome == Outcome.FAILED


def test_restarts_of_earlier_runs_do_not_count() -> None:
    restarted = a_container(restart_count=9)
    for earlier, outcome in ((5, Outcome.FAILED), (6, Outcome.WAITING)):
        counted = {restarted.container_id: earlier}
        (verdict,) = decide(NAMESPACE, [WANTED], [restarted], a_snapshot(), counted).agents
        assert verdict.outcome == outcome
    assert judge(restarted, a_snapshot()).reason.startswith("restart loop: restarted 9 times")


@pytest.mark.parametrize("state", ["STARTING", "EXITED"])
def test_an_unhealthy_agent_is_described_by_its_heartbeat(state: str) -> None:
    agent = an_agent(operational_state=state, description="broker: refused login")
    verdict = judge(a_container(health="unhealthy"), a_snapshot(agent))
    assert verdict.outcome == Outcome.WAITING
    assert verdict.reason == f"{state}: broker: refused login"


def test_an_agent_without_a_container_has_failed() -> None:
    (verdict,) = decide(NAMESPACE, [WANTED], [], a_snapshot(an_agent())).agents
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "has no container")
    assert verdict.container is None


def test_no_expected_agents_are_ready_at_once() -> None:
    verdict = decide(NAMESPACE, [], [a_container()], None)
    assert verdict == Verdict(())
    assert verdict.ready


def replica(number: int, **facts: object) -> Container:
    return a_container(container_id=f"{number:064x}", **facts)


def test_every_replica_has_to_be_ready() -> None:
    replicas = [replica(number) for number in (1, 2, 3)]
    agents = [an_agent(container_id=found.container_id) for found in replicas]
    wanted = Expected(PROGRAM, replicas=3)
    assert decide(NAMESPACE, [wanted], replicas, a_snapshot(*agents)).ready
    two = decide(NAMESPACE, [wanted], replicas, a_snapshot(*agents[:2]))
    assert [agent.outcome for agent in two.agents] == ["ready", "ready", "waiting"]
    assert not two.ready


def test_a_replica_that_does_not_exist_has_failed() -> None:
    wanted = Expected(PROGRAM, replicas=2)
    verdict = decide(NAMESPACE, [wanted], [a_container()], a_snapshot(an_agent()))
    assert [agent.reason for agent in verdict.agents] == ["", "has no container"]
    assert not verdict.ready


def test_a_stopped_left_over_does_not_take_the_place_of_a_running_container() -> None:
    left_over = replica(1, state="exited")
    verdict = decide(NAMESPACE, [WANTED], [left_over, a_container()], a_snapshot(an_agent()))
    assert verdict.ready


def test_containers_of_other_programs_are_not_looked_at() -> None:
    foreign = a_container(program="other-agent")
    assert not decide(NAMESPACE, [WANTED], [foreign], a_snapshot(an_agent())).ready


def test_an_optional_agent_never_keeps_the_gate_shut() -> None:
    optional = Expected("example-fastmon-agent", required=False)
    verdict = decide(NAMESPACE, [WANTED, optional], [a_container()], a_snapshot(an_agent()))
    assert verdict.ready
    assert verdict.failed == verdict.missing == ()
    assert [agent.outcome for agent in verdict.agents] == [Outcome.READY, Outcome.FAILED]


def test_the_verdict_lists_who_is_missing_and_who_has_failed() -> None:
    dead = a_container(program="dead", container_id=OTHER_ID, state="exited")
    verdict = decide(NAMESPACE, [WANTED, Expected("dead")], [a_container(), dead], a_snapshot())
    assert [agent.program for agent in verdict.missing] == [PROGRAM, "dead"]
    assert [agent.program for agent in verdict.failed] == ["dead"]
