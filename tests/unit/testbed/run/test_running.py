"""Following a run: until it has drained, through deaths of agents and absences of the monitor."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from swf_common.errors import ExitCode
from swf_common.protocol.states import ExecutionStatus
from testbed.engine.containers import EngineRefused, EngineUnavailable
from testbed.engine.inspection import Container
from testbed.monitor_client.errors import MonitorUnavailable
from testbed.run.drain import DRAIN_TIMEOUT_S, IDLE_TIMEOUT_S, drain_state
from testbed.run.follower import (
    MAX_CRASHES_IN_A_ROW,
    OUTAGE_TIMEOUT_S,
    WATCH_INTERVAL_S,
    CrashLoop,
)
from testbed.run.polling import DUTY, LONGEST_POLL_S, POLL_S, pause_s
from testbed.run.progress_line import progress_line
from testbed.testing import new_progress
from tests.unit.testbed.following import DATA, EXECUTION, RECORDERS, STF, Bed

WAITING = {"queue": f"Consumer.torre1-{DATA}.epictopic", "depth": 1}


@pytest.fixture
def bed() -> Bed:
    return Bed()


def test_a_run_is_followed_until_it_has_drained(bed: Bed) -> None:
    bed.end_at(42)
    progress, undrained = bed.run.follow()
    assert (progress.status, undrained) == (ExecutionStatus.COMPLETED, [])
    assert bed.clock() == pytest.approx(42, abs=2 * POLL_S)
    assert bed.run.incidents == []


class Asked:
    """Answers of the monitor that take a while, and how many there were."""

    def __init__(self, bed: Bed, took_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times: list[float] = []
        answer = bed.monitor.progress

        def slowly(execution_id: str) -> Any:
            self.times.append(bed.clock())
            bed.clock.sleep(took_s)
            return answer(execution_id)

        monkeypatch.setattr(bed.monitor, "progress", slowly)


def test_a_monitor_that_takes_long_to_answer_is_asked_less_often(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(bed, 0.1, monkeypatch)
    bed.end_at(600)
    bed.run.follow()
    assert 0.1 * len(asked.times) <= 1.2 * DUTY * bed.clock()
    assert bed.clock() <= 600 + 0.1 * 2 + 0.1 / DUTY


def test_the_end_of_a_short_run_is_seen_soon_even_if_answers_take_long(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    Asked(bed, 0.2, monkeypatch)
    bed.end_at(5)
    bed.run.follow()
    assert bed.clock() <= 5 + 0.3 + 2 * 0.2


def test_a_short_pause_is_an_incident_also_where_the_monitor_is_asked_seldom(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    Asked(bed, 0.3, monkeypatch)
    (agent,) = bed.agents
    for second in range(200, 320, 20):
        bed.clock.at(second, lambda: bed.containers.change(agent.container_id, state="paused"))
        bed.clock.at(second + 3, lambda: bed.containers.change(agent.container_id, state="running"))
    bed.end_at(400)
    bed.run.follow()
    assert [one["kind"] for one in bed.run.close()] == ["paused"] * 6


@pytest.mark.parametrize(
    ("took", "elapsed", "pause"),
    [(0.0, 1000, POLL_S), (0.1, 2, POLL_S), (0.1, 1000, 1.9), (9, 1000, LONGEST_POLL_S)],
)
def test_the_pause_grows_with_the_answer_and_with_the_run(
    took: float, elapsed: float, pause: float
) -> None:
    assert pause_s(took, elapsed) == pytest.approx(pause)


def test_the_time_of_slow_answers_counts_against_a_run_that_makes_no_progress(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    Asked(bed, 0.1, monkeypatch)
    bed.monitor.queues = [RECORDERS, WAITING]
    bed.end_at(400, stf={**STF, "registered": 4})
    _, undrained = bed.run.follow()
    assert undrained[0] == "1 STFs are not registered"
    assert bed.clock() == pytest.approx(400 + DRAIN_TIMEOUT_S, abs=10)


def test_a_run_that_has_ended_is_followed_while_it_drains(bed: Bed) -> None:
    bed.monitor.queues = [RECORDERS, WAITING]
    bed.end_at(10, stf={**STF, "registered": 1})
    bed.change_at(60, stf={**STF, "registered": 3})
    bed.change_at(140, stf=STF)
    bed.clock.at(140, lambda: setattr(bed.monitor, "queues", [RECORDERS]))
    _, undrained = bed.run.follow()
    assert undrained == []
    assert bed.clock() == pytest.approx(140, abs=2 * POLL_S)


def test_a_run_that_does_not_get_any_further_is_given_up(bed: Bed) -> None:
    bed.monitor.queues = [RECORDERS, WAITING]
    bed.end_at(10, stf={**STF, "registered": 4})
    _, undrained = bed.run.follow()
    assert undrained[0] == "1 STFs are not registered"
    assert bed.clock() == pytest.approx(10 + DRAIN_TIMEOUT_S, abs=3 * POLL_S)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_that_nothing_can_get_any_further_is_given_up_earlier(
    bed: Bed, stopped: bool
) -> None:
    bed.end_at(10, stf={**STF, "registered": 4})
    if stopped:
        bed.exit_at(5, bed.agents[0], code=0)
    _, undrained = bed.run.follow()
    assert undrained[0] == "1 STFs are not registered"
    assert bed.clock() == pytest.approx(10 + IDLE_TIMEOUT_S, abs=3 * POLL_S)


def test_an_end_that_is_not_recorded_yet_is_waited_for(bed: Bed) -> None:
    bed.end_at(10, total_stf_files=None)
    _, undrained = bed.run.follow()
    assert undrained == ["end_run is not recorded"]
    assert bed.clock() == pytest.approx(10 + DRAIN_TIMEOUT_S, abs=3 * POLL_S)


def test_an_optional_agent_at_work_may_still_bring_the_run_further() -> None:
    bed = Bed(optional="example-fastmon-agent")
    bed.end_at(10, stf={**STF, "registered": 4})
    bed.beat(bed.agents[-1], operational_state="PROCESSING")
    _, undrained = bed.run.follow()
    assert undrained == ["1 STFs are not registered"]
    assert bed.clock() == pytest.approx(10 + DRAIN_TIMEOUT_S, abs=3 * POLL_S)


def test_an_agent_that_comes_back_to_its_work_is_waited_for(bed: Bed) -> None:
    bed.end_at(10, stf={**STF, "registered": 4})
    bed.beat(bed.agents[0], status="WARNING")
    bed.run.follow()
    assert bed.clock() == pytest.approx(10 + DRAIN_TIMEOUT_S, abs=3 * POLL_S)


def test_a_long_workflow_is_not_given_up_while_it_runs(bed: Bed) -> None:
    bed.end_at(20 * DRAIN_TIMEOUT_S)
    _, undrained = bed.run.follow()
    assert undrained == []


def test_an_agent_at_work_keeps_the_run_open(bed: Bed) -> None:
    bed.beat(bed.agents[0], operational_state="PROCESSING")
    bed.end_at(5)
    bed.clock.at(20, lambda: bed.beat(bed.agents[0]))
    bed.run.follow()
    assert bed.clock() == pytest.approx(20, abs=2 * POLL_S)


@pytest.mark.parametrize(
    ("queue", "counts"),
    [
        (f"Consumer.torre1-{DATA}.epictopic", True),
        ("Consumer.torre1-recorder.panda.slices", True),
        ("Consumer.torre1-example-fastmon-agent.epictopic", False),
        (f"Consumer.torre2-{DATA}.epictopic", False),
        (f"Consumer.torre1-{DATA}-of-mine.epictopic", False),
    ],
)
def test_only_the_queues_of_the_runs_own_programs_count(bed: Bed, queue: str, counts: bool) -> None:
    bed.monitor.queues = [RECORDERS, {"queue": queue, "depth": 2}]
    bed.end_at(1)
    _, undrained = bed.run.follow()
    assert undrained == ([f"2 messages wait in {queue}"] if counts else [])


@pytest.mark.parametrize("queues", [None, [], [{"queue": "Consumer.x", "depth": 0}]])
def test_a_recorder_that_has_never_consumed_leaves_the_run_open(
    bed: Bed, queues: list[dict[str, Any]] | None
) -> None:
    bed.monitor.queues = queues
    bed.end_at(1)
    _, undrained = bed.run.follow()
    assert undrained == ["the broker did not report its queues"]


def test_a_dead_agent_is_started_again_and_is_an_incident(bed: Bed) -> None:
    (agent,) = bed.agents
    bed.exit_at(10, agent)
    bed.clock.at(15, lambda: bed.beat(agent))
    bed.end_at(20)
    _, undrained = bed.run.follow()
    assert undrained == []
    assert bed.containers.started == [agent.container_id]
    (incident,) = bed.run.close()
    assert (incident["program"], incident["kind"], incident["exit_code"]) == (DATA, "died", 137)
    assert incident["signal"] == "SIGKILL"
    assert incident["away_s"] == pytest.approx(0, abs=WATCH_INTERVAL_S + POLL_S)
    assert incident["text"].startswith(f"{DATA} {agent.container_id[:12]} died (SIGKILL, exit code")


def test_deaths_that_the_engine_mends_are_incidents(bed: Bed) -> None:
    (agent,) = bed.agents
    broker = bed.backend
    for moment, container in ((50, agent), (100, broker), (150, agent)):
        bed.restart_at(moment, container, 137)
    bed.end_at(200)
    bed.run.follow()
    seen = [(one["program"], one["exit_code"], one["away_s"]) for one in bed.run.close()]
    assert seen == [(DATA, 137, 0.0), ("activemq", 137, 0.0), (DATA, 137, 0.0)]
    assert bed.containers.started == []


def test_an_endless_run_with_an_agent_in_a_crash_loop_fails(bed: Bed) -> None:
    (agent,) = bed.agents
    for number in range(1, 50):
        bed.restart_at(100 + 5 * number, agent, 3)
    with pytest.raises(CrashLoop, match="4 times in a row") as caught:
        bed.run.follow()
    assert caught.value.exit_code == ExitCode.AGENT_DIED
    assert bed.clock() == pytest.approx(120, abs=2 * WATCH_INTERVAL_S)


def test_a_crash_loop_with_the_exit_code_of_a_stop_is_one_all_the_same(bed: Bed) -> None:
    for number in range(1, 50):
        bed.restart_at(100 + 5 * number, bed.agents[0], 0)
    with pytest.raises(CrashLoop):
        bed.run.follow()


def test_a_death_in_the_last_moment_is_an_incident(bed: Bed) -> None:
    bed.restart_at(10.05, bed.agents[0], 137)
    bed.end_at(10.3)
    bed.run.follow()
    assert [one["exit_code"] for one in bed.run.close()] == [137]


def test_an_agent_that_dies_while_the_run_is_being_stopped_is_started_again(bed: Bed) -> None:
    (agent,) = bed.agents
    bed.monitor.change(EXECUTION, total_stf_files=5, stf=STF)
    bed.exit_at(1, agent, 1)
    bed.clock.at(4, lambda: bed.beat(agent))
    bed.monitor.stopping_s = 3
    progress, undrained = bed.run.stop()
    assert (progress.status, undrained) == (ExecutionStatus.TERMINATED, [])
    assert [one["exit_code"] for one in bed.run.close()] == [1]


def test_an_engine_that_answers_with_a_failure_for_a_moment_is_waited_for(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[Container]:
        raise EngineRefused(cause="500 Internal Server Error")

    whole = bed.containers.all
    bed.clock.at(5, lambda: monkeypatch.setattr(bed.containers, "all", fail))
    bed.clock.at(15, lambda: monkeypatch.setattr(bed.containers, "all", whole))
    bed.end_at(20)
    progress, undrained = bed.run.follow()
    assert (progress.status, undrained) == (ExecutionStatus.COMPLETED, [])


def test_a_broker_that_somebody_killed_is_started_again(bed: Bed) -> None:
    bed.exit_at(10, bed.backend)
    bed.end_at(30)
    bed.run.follow()
    assert bed.containers.started == [bed.backend.container_id]
    assert [one["program"] for one in bed.run.close()] == ["activemq"]


def test_the_monitor_keeps_the_incidents_while_the_run_goes_on(bed: Bed) -> None:
    bed.restart_at(10, bed.agents[0], 137)
    kept: list[int] = []
    bed.clock.at(15, lambda: kept.append(len(bed.monitor.incidents[EXECUTION])))
    bed.end_at(20)
    bed.run.follow()
    assert kept == [1]


def test_a_pause_is_an_incident_and_ends_nothing(bed: Bed) -> None:
    (agent,) = bed.agents
    bed.clock.at(10, lambda: bed.containers.change(agent.container_id, state="paused"))
    bed.clock.at(35, lambda: bed.containers.change(agent.container_id, state="running"))
    bed.end_at(50)
    progress, undrained = bed.run.follow()
    assert (progress.status, undrained) == (ExecutionStatus.COMPLETED, [])
    (incident,) = bed.run.close()
    assert incident["kind"] == "paused"
    assert incident["away_s"] == pytest.approx(25, abs=2 * WATCH_INTERVAL_S)


def test_an_engine_that_is_away_for_a_while_is_waited_for(bed: Bed) -> None:
    bed.end_at(10)
    bed.engine_away_between(5, 65)
    _, undrained = bed.run.follow()
    assert undrained == []
    (incident,) = bed.run.close()
    assert (incident["program"], incident["kind"]) == ("the Docker engine", "unreachable")
    assert incident["away_s"] == pytest.approx(60, abs=2 * WATCH_INTERVAL_S)


def test_an_engine_that_does_not_come_back_ends_the_command(bed: Bed) -> None:
    bed.engine_away_between(50, float("inf"))
    with pytest.raises(EngineUnavailable):
        bed.run.follow()
    assert bed.clock() == pytest.approx(50 + OUTAGE_TIMEOUT_S, abs=3 * WATCH_INTERVAL_S)
    bed.containers.away = True
    progress, undrained = bed.run.give_up("no engine")
    assert progress.status == ExecutionStatus.TERMINATED
    assert undrained[0] == "no engine"


def test_a_container_that_is_gone_when_it_should_be_started_is_no_missing_engine(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    (agent,) = bed.agents
    bed.exit_at(10, agent)
    bed.containers.unstartable.add(agent.container_id)
    bed.clock.at(20, lambda: bed.containers.unstartable.clear())
    bed.end_at(30)
    bed.run.follow()
    assert "could not be started again: No such container" in capsys.readouterr().err


def test_a_long_silence_of_the_monitor_is_an_incident_unless_another_one_explains_it(
    bed: Bed,
) -> None:
    bed.away_between(5, 25)
    bed.exit_at(100, bed.backend)
    bed.away_between(101, 115)
    bed.end_at(150)
    bed.run.follow()
    seen = [(one["program"], one["kind"]) for one in bed.run.close()]
    assert seen == [("monitor", "unreachable"), ("activemq", "died")]


def test_an_agent_that_dies_while_the_run_drains_is_started_again(bed: Bed) -> None:
    (agent,) = bed.agents
    bed.end_at(5, stf={**STF, "registered": 2})
    bed.exit_at(10, agent)
    bed.clock.at(20, lambda: bed.beat(agent))
    bed.change_at(21, stf=STF)
    _, undrained = bed.run.follow()
    assert undrained == []
    assert len(bed.run.incidents) == 1


def test_an_agent_that_keeps_dying_is_given_up(bed: Bed) -> None:
    (agent,) = bed.agents
    for moment in range(10, 100, 10):
        bed.exit_at(moment, agent, 3)
    with pytest.raises(CrashLoop) as caught:
        bed.run.follow()
    assert caught.value.exit_code == ExitCode.AGENT_DIED
    assert DATA in str(caught.value)
    assert "exit code 3" in str(caught.value)
    assert len(bed.containers.started) == MAX_CRASHES_IN_A_ROW


def test_an_agent_that_is_killed_from_outside_again_and_again_does_not_crash(bed: Bed) -> None:
    for moment in range(10, 100, 5):
        bed.restart_at(moment, bed.agents[0], 137)
    bed.end_at(110)
    _, undrained = bed.run.follow()
    assert undrained == []
    assert len(bed.run.close()) == 18


def test_an_agent_that_runs_for_a_while_between_its_deaths_does_not_keep_dying(bed: Bed) -> None:
    (agent,) = bed.agents
    for moment in range(40, 400, 40):
        bed.restart_at(moment, agent, 1)
    bed.end_at(500)
    bed.run.follow()
    assert len(bed.run.close()) == 9


def test_replicas_that_die_once_each_do_not_keep_dying() -> None:
    bed = Bed(replicas=MAX_CRASHES_IN_A_ROW + 2)
    for number, container in enumerate(bed.agents):
        bed.exit_at(10 + number, container)
        bed.clock.at(20 + number, partial(bed.beat, container))
    bed.end_at(60)
    _, undrained = bed.run.follow()
    assert undrained == []
    assert len(bed.run.incidents) == len(bed.agents)


def test_containers_of_other_programs_are_left_alone(bed: Bed) -> None:
    bed.containers.exit(bed.containers.add("example-fastmon-agent").container_id, 1)
    bed.end_at(10)
    bed.run.follow()
    assert bed.containers.started == []


def test_a_monitor_that_is_away_for_a_while_is_waited_for(bed: Bed) -> None:
    bed.end_at(10)
    bed.away_between(5, 25)
    _, undrained = bed.run.follow()
    assert undrained == []
    assert bed.clock() == pytest.approx(25, abs=2 * POLL_S)


def test_the_time_without_a_monitor_does_not_count_as_time_without_progress(bed: Bed) -> None:
    bed.end_at(5, stf={**STF, "registered": 4})
    bed.away_between(10, 10 + DRAIN_TIMEOUT_S)
    bed.change_at(20 + DRAIN_TIMEOUT_S, stf=STF)
    _, undrained = bed.run.follow()
    assert undrained == []


def test_a_dead_agent_is_started_again_while_the_monitor_is_away(bed: Bed) -> None:
    (agent,) = bed.agents
    bed.away_between(5, 100)
    bed.exit_at(10, agent)
    bed.end_at(50)
    started: list[str] = []
    bed.clock.at(60, lambda: started.extend(bed.containers.started))
    bed.clock.at(99, lambda: bed.beat(agent))
    bed.run.follow()
    assert started == [agent.container_id]


def test_a_monitor_that_does_not_come_back_ends_the_command(bed: Bed) -> None:
    bed.away_between(50, float("inf"))
    with pytest.raises(MonitorUnavailable) as caught:
        bed.run.follow()
    assert caught.value.exit_code == ExitCode.BACKEND
    assert bed.clock() == pytest.approx(50 + OUTAGE_TIMEOUT_S, abs=3 * POLL_S)


def test_the_progress_line_has_the_counts_and_failures_only_where_there_are_any() -> None:
    line = progress_line(new_progress(stf=STF))
    assert line.endswith("STFs 5 generated, 5 registered, 0 processed")
    assert progress_line(new_progress(stf={**STF, "failed": 2})).endswith(", 2 failed")


def test_the_progress_line_counts_the_stages_that_agents_bring_along() -> None:
    calibrated = {"stf.calibrated": {"done": 3, "failed": 1}}
    line = progress_line(new_progress(stf=STF, stages=calibrated))
    assert line.endswith("5 registered, 0 processed, 3 calibrated")


def test_the_progress_line_counts_n_of_n_and_names_the_phase() -> None:
    taking = new_progress(stf=STF, daq_phase="running")
    assert progress_line(taking, planned=20).startswith("  taking data: STFs 5 of 20 generated")
    ended = new_progress(
        stf=STF,
        status=ExecutionStatus.COMPLETED,
        slices={"created": 9, "completed": 7, "failed": 0},
    )
    line = progress_line(ended, planned=20, open_now=["2 slices have no result"])
    assert line.startswith("  draining: ")
    assert line.endswith("; slices 7 of 9; open: 2 slices have no result")
    assert progress_line(ended).startswith("  drained: ")


def test_queues_are_not_asked_for_while_the_counts_move_on(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    answer = bed.monitor.backlog

    def note() -> tuple[list[dict[str, Any]] | None, int]:
        asked.append(bed.clock())
        return answer()

    monkeypatch.setattr(bed.monitor, "backlog", note)
    before = bed.monitor.progress(EXECUTION)
    bed.end_at(0, stf={**STF, "registered": 3})
    bed.clock.sleep(1)
    now = bed.monitor.progress(EXECUTION)
    moving = drain_state(bed.run.gate, now, before)
    assert (moving.open, moving.idle, asked) == (["2 STFs are not registered"], False, [])
    still = drain_state(bed.run.gate, now, now)
    assert (still.open, len(asked)) == (["2 STFs are not registered"], 1)
