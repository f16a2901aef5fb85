"""What happens to containers in mid-run, as the watch notices it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.run.incidents import Incident, Kind
from testbed.run.watch import UNNOTICED_S, Watch
from testbed.testing import EPOCH, FakeClock, FakeContainers, FakeMonitor

AGENT = "transformer"
BROKER = "activemq"


class Bed:
    """A watch over an agent and the broker."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.containers = FakeContainers(self.clock)
        self.monitor = FakeMonitor(self.clock)
        self.agent = self.containers.add(AGENT).container_id
        self.broker = self.containers.add(BROKER).container_id
        self.watch = Watch(
            frozenset({AGENT, BROKER}), frozenset({BROKER}), lambda: self.clock.now, EPOCH
        )
        self.look()
        self.clock.sleep(100)

    def look(self) -> list[Incident]:
        return self.watch.compare(self.containers.all(), self.containers.events)

    def kinds(self) -> list[tuple[str, Kind]]:
        return [(one.program, one.kind) for one in self.watch.incidents]


@pytest.fixture
def bed() -> Bed:
    return Bed()


def test_containers_that_stay_as_they_were_are_no_incident(bed: Bed) -> None:
    assert bed.look() == []
    bed.containers.change(bed.agent, health="unhealthy")
    assert bed.look() == []


def test_a_restart_between_two_looks_is_one_death(bed: Bed) -> None:
    bed.containers.restart(bed.agent, 137)
    (incident,) = bed.look()
    assert (incident.kind, incident.signal, incident.away_s) == (Kind.DIED, "SIGKILL", 0.0)
    assert bed.look() == []


def test_several_restarts_between_two_looks_are_as_many_deaths(bed: Bed) -> None:
    for code in (137, 1, 139):
        bed.containers.restart(bed.agent, code)
        bed.clock.sleep(0.1)
    assert [one.exit_code for one in bed.look()] == [137, 1, 139]


def test_deaths_that_the_engine_has_forgotten_are_counted_without_their_exit_codes(
    bed: Bed,
) -> None:
    bed.containers.remembers = False
    bed.containers.restart(bed.agent, 137)
    bed.containers.restart(bed.agent, 137)
    found = bed.look()
    assert [(one.kind, one.exit_code) for one in found] == [(Kind.DIED, None)] * 2
    bed.clock.sleep(50)
    bed.containers.exit(bed.agent, 3)
    assert [one.exit_code for one in bed.look()] == [3]


def test_a_death_that_is_seen_before_its_restart_is_one_incident(bed: Bed) -> None:
    bed.containers.exit(bed.agent, 1)
    (incident,) = bed.look()
    assert incident.away_s is None
    assert [one.program for one in bed.watch.dead()] == [AGENT]
    bed.clock.sleep(7)
    bed.containers.start(bed.agent)
    assert bed.look() == []
    assert incident.away_s == 7.0
    assert bed.watch.dead() == []


@pytest.mark.parametrize("code", [0, 143])
def test_a_container_that_was_asked_to_stop_did_not_die(bed: Bed, code: int) -> None:
    bed.containers.exit(bed.agent, code)
    (incident,) = bed.look()
    assert incident.kind == Kind.STOPPED
    assert bed.watch.dead() == []


def test_a_lack_of_memory_is_named(bed: Bed) -> None:
    bed.containers.run_out_of_memory(bed.agent)
    (incident,) = bed.look()
    assert incident.out_of_memory
    assert "(out of memory, SIGKILL, exit code 137)" in incident.text


def test_a_container_that_is_removed_is_an_incident_until_another_takes_its_place(
    bed: Bed,
) -> None:
    bed.containers.remove(bed.agent)
    (incident,) = bed.look()
    assert (incident.kind, incident.container_id, incident.away_s) == (
        Kind.REMOVED,
        bed.agent,
        None,
    )
    bed.clock.sleep(5)
    bed.containers.add(AGENT)
    assert bed.look() == []
    assert incident.away_s == 5.0


def test_containers_that_do_not_belong_to_the_run_are_not_looked_at(bed: Bed) -> None:
    bed.containers.restart(bed.containers.add("another").container_id, 1)
    assert bed.look() == []


def test_a_paused_container_is_an_incident_until_it_goes_on(bed: Bed) -> None:
    bed.containers.change(bed.agent, state="paused")
    (incident,) = bed.look()
    bed.clock.sleep(25)
    assert bed.look() == []
    bed.containers.change(bed.agent, state="running")
    bed.look()
    assert (incident.kind, incident.away_s) == (Kind.PAUSED, 25.0)
    assert incident.text.endswith("back after 25.0 s")


def test_an_agent_that_runs_and_does_not_report_is_silent(bed: Bed) -> None:
    (agent,) = [one for one in bed.containers.all() if one.program == AGENT]
    bed.monitor.heartbeat(agent)
    bed.clock.sleep(16)
    (incident,) = bed.watch.compare_heartbeats("torre1", bed.monitor.snapshot("torre1"))
    assert incident.kind == Kind.SILENT
    bed.monitor.heartbeat(agent)
    assert bed.watch.compare_heartbeats("torre1", bed.monitor.snapshot("torre1")) == []
    assert incident.away_s == 16.0


def test_a_silence_that_follows_from_another_incident_is_not_told_twice(bed: Bed) -> None:
    (agent,) = [one for one in bed.containers.all() if one.program == AGENT]
    bed.monitor.heartbeat(agent)
    bed.containers.restart(bed.broker, 137)
    bed.look()
    bed.clock.sleep(16)
    assert bed.watch.compare_heartbeats("torre1", bed.monitor.snapshot("torre1")) == []


def test_a_short_outage_is_no_incident_and_a_long_one_is(bed: Bed) -> None:
    for seconds in (UNNOTICED_S - 1, UNNOTICED_S + 1):
        began = bed.clock.now - timedelta(seconds=seconds)
        bed.watch.outage("monitor", began, "ConnectionError", over=True)
    (incident,) = bed.watch.incidents
    assert incident.text == (
        "monitor stopped answering (ConnectionError) at 12:01:34 UTC; back after 6.0 s"
    )


def test_an_incident_is_an_object_of_plain_values(bed: Bed) -> None:
    bed.containers.restart(bed.agent, 137)
    (incident,) = bed.look()
    assert incident.as_json() == {
        "program": AGENT,
        "container_id": bed.agent,
        "kind": "died",
        "time": "2026-01-05T12:01:40+00:00",
        "exit_code": 137,
        "signal": "SIGKILL",
        "out_of_memory": False,
        "away_s": 0.0,
        "text": f"{AGENT} {bed.agent[:12]} died (SIGKILL, exit code 137) at 12:01:40 UTC; "
        "back after 0.0 s",
    }


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0.05, 60), st.booleans(), st.booleans()), max_size=10
    )
)
def test_however_deaths_and_looks_follow_each_other_each_death_is_one_incident(
    story: list[tuple[bool, float, bool, bool]],
) -> None:
    bed = Bed()
    deaths = 0
    for is_agent, pause_s, by_engine, looks_before_start in story:
        container = bed.agent if is_agent else bed.broker
        if by_engine:
            bed.containers.restart(container, 137)
        else:
            bed.containers.exit(container, 137)
            if looks_before_start:
                bed.look()
            bed.clock.sleep(0.1)
            bed.containers.start(container)
        deaths += 1
        bed.clock.sleep(pause_s)
        if pause_s > 1:
            bed.look()
    bed.look()
    assert len(bed.watch.incidents) == deaths
    assert all(one.kind == Kind.DIED and one.away_s is not None for one in bed.watch.incidents)
