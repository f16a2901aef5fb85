"""Containers of services that compose.yaml does not have any more: shown, and stopped if agents."""

from __future__ import annotations

import pytest

from testbed.stack.orphans import find_orphans, lines, stop_orphaned_agents
from testbed.stack.status import read_status
from tests.unit.samples import a_container
from tests.unit.testbed.stack.test_look import Bed
from tests.unit.testbed.stack.test_look import bed as bed

GHOST = "ghost-agent"


def test_a_container_is_an_orphan_when_its_service_is_gone() -> None:
    known, ghost = a_container(), a_container(program=GHOST, state="exited")
    assert find_orphans([known, ghost], {known.program}) == [ghost]


def test_status_lists_orphans_in_lines_and_in_json(bed: Bed) -> None:
    ghost = bed.containers.add(GHOST, role="agent")
    seen = read_status(bed)
    assert seen.as_json()["orphans"] == [
        {
            "service": GHOST,
            "container_id": ghost.container_id,
            "state": "running",
            "role": "agent",
        }
    ]
    text = "\n".join(seen.lines())
    assert f"{GHOST}  {ghost.container_id[:12]}  running  agent" in text
    assert seen.ready, "an orphan does not make a testbed unready"


def test_without_orphans_status_has_no_line_of_them(bed: Bed) -> None:
    assert read_status(bed).as_json()["orphans"] == []
    assert lines([]) == []


def test_orphaned_agents_are_stopped_and_named(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    ghosts = [bed.containers.add(GHOST, role="agent") for _ in range(2)]
    assert stop_orphaned_agents(bed) == [GHOST]
    states = {one.container_id: one.state for one in bed.containers.all()}
    assert {states[ghost.container_id] for ghost in ghosts} == {"exited"}
    assert f"compose.yaml does not have any more: {GHOST}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("role", "state"), [("backend", "running"), ("", "running"), ("agent", "exited")]
)
def test_other_orphans_are_left_as_they_are(
    bed: Bed, capsys: pytest.CaptureFixture[str], role: str, state: str
) -> None:
    bed.containers.add(GHOST, role=role, state=state)
    assert stop_orphaned_agents(bed) == []
    (ghost,) = (one for one in bed.containers.all() if one.program == GHOST)
    assert ghost.state == state
    assert capsys.readouterr().err == ""


def test_orphaned_agents_are_spared_while_a_run_goes_on_and_the_command_says_so(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    ghost = bed.containers.add(GHOST, role="agent")
    execution_id = bed.fake.start_workflow({"workflow_name": "stf_datataking"})
    assert stop_orphaned_agents(bed, spare_a_run=True) == []
    assert f"go on while {execution_id} runs: {GHOST}. To stop them: testbed stop-agents" in (
        capsys.readouterr().err
    )
    assert stop_orphaned_agents(bed) == [GHOST]
    assert ghost.container_id in {
        one.container_id for one in bed.containers.all() if one.state == "exited"
    }


def test_orphaned_agents_are_stopped_where_the_monitor_is_away(bed: Bed) -> None:
    bed.containers.add(GHOST, role="agent")
    bed.fake.away = True
    assert stop_orphaned_agents(bed, spare_a_run=True) == [GHOST]


def test_queues_that_nobody_consumes_are_shown(bed: Bed) -> None:
    def queue(name: str, depth: int, consumers: int) -> dict[str, object]:
        return {"queue": name, "depth": depth, "in_flight": 0, "consumers": consumers}

    bed.fake.queues = [
        queue("Consumer.torre1-ghost-agent.epictopic", 42, 0),
        queue("Consumer.torre1-example-data-agent.epictopic", 3, 1),
        queue("Consumer.torre1-stopped.epictopic", 0, 0),
        queue("Consumer.torre2-another.epictopic", 5, 0),
    ]
    seen = read_status(bed)
    name = "Consumer.torre1-ghost-agent.epictopic"
    shown = {"queue": name, "program": GHOST, "waiting": 42}
    assert seen.as_json()["waiting_queues"] == [shown]
    assert f"{name}  42" in "\n".join(seen.lines())


def test_a_broker_that_is_away_shows_no_waiting_queues(bed: Bed) -> None:
    bed.fake.queues = None
    assert read_status(bed).as_json()["waiting_queues"] == []
