"""What `testbed agents` does to all containers of a program."""

from __future__ import annotations

from typing import Any

import pytest

from swf_common.errors import ExitCode
from swf_common.service.actions import EFFECT_TIMEOUT_S, SETTLE_S
from testbed.engine.containers import EngineUnavailable
from testbed.engine.inspection import Container
from testbed.stack.agent_actions import ActionFailed, AgentActions
from testbed.testing import FakeClock, FakeContainers

DATA = "example-data-agent"


class Bench:
    """Actions on fakes; time passes only when they wait."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.containers = FakeContainers(self.clock)
        self.actions = AgentActions(self.containers, clock=self.clock, sleep=self.clock.sleep)

    def add(self, program: str = DATA, state: str = "running", **facts: Any) -> Container:
        """An agent's container; its start is past."""
        ran = {} if state != "created" else {"started_at": None}
        container = self.containers.add(program, state=state, role="agent", **{**ran, **facts})
        self.clock.sleep(1)
        return container

    def later(self, seconds: float, action: Any) -> None:
        """Plan something for a moment after now."""
        self.clock.at(self.clock() + seconds, action)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_agents_are_listed_by_program_and_the_backend_is_not(bench: Bench) -> None:
    created, data = bench.add("transformer", "created"), bench.add()
    bench.containers.add("activemq", role="backend")
    assert bench.actions.find() == [data, created]
    assert bench.actions.find("transformer") == [created]


@pytest.mark.parametrize("state", ["created", "exited", "dead", "paused", "running"])
def test_a_program_that_is_started_runs(bench: Bench, state: str) -> None:
    before = bench.add(state=state)
    (after,) = bench.actions.act("start", DATA)
    assert after.state == "running"
    assert (after.started_at == before.started_at) == (state in ("paused", "running"))


@pytest.mark.parametrize("state", ["running", "paused", "restarting"])
@pytest.mark.parametrize(("verb", "exit_code"), [("stop", 0), ("kill", 137)])
def test_every_container_of_a_program_that_is_stopped_or_killed_is_down(
    bench: Bench, state: str, verb: str, exit_code: int
) -> None:
    for _ in range(2):
        bench.add(state=state)
    other = bench.add("transformer")
    after = bench.actions.act(verb, DATA)
    assert [(one.state, one.exit_code) for one in after] == [("exited", exit_code)] * 2
    assert bench.actions.find("transformer") == [other]


@pytest.mark.parametrize("state", ["created", "exited", "running", "paused"])
def test_a_program_that_is_restarted_has_a_new_start(bench: Bench, state: str) -> None:
    before = bench.add(state=state)
    (after,) = bench.actions.act("restart", DATA)
    assert (after.state, after.started_at != before.started_at) == ("running", True)


@pytest.mark.parametrize("verb", ["start", "restart"])
def test_a_program_that_ends_soon_after_its_start_has_not_been_started(
    bench: Bench, verb: str
) -> None:
    container = bench.add(state="exited")
    bench.later(SETTLE_S / 2, lambda: bench.containers.exit(container.container_id, 3))
    with pytest.raises(ActionFailed, match=f"{verb} {DATA} failed: .* exited, exit code 3") as told:
        bench.actions.act(verb, DATA)
    assert told.value.exit_code == ExitCode.AGENT_DIED
    assert bench.clock() == pytest.approx(1 + EFFECT_TIMEOUT_S, abs=1)


def test_a_container_that_is_removed_meanwhile_is_named(bench: Bench) -> None:
    container = bench.add()
    bench.later(SETTLE_S / 2, lambda: bench.containers.remove(container.container_id))
    with pytest.raises(ActionFailed, match="has been removed"):
        bench.actions.act("stop", DATA)


def test_a_program_without_a_container_is_not_acted_upon(bench: Bench) -> None:
    bench.add("transformer")
    with pytest.raises(ActionFailed, match="it has no container"):
        bench.actions.act("start", DATA)


def test_a_refusal_of_the_engine_is_passed_on(bench: Bench) -> None:
    container = bench.add(state="exited")
    bench.containers.unstartable.add(container.container_id)
    with pytest.raises(ActionFailed, match=f"start {DATA} failed: The Docker engine refused"):
        bench.actions.act("start", DATA)


def test_what_one_container_refuses_does_not_keep_the_others_down(bench: Bench) -> None:
    refused, other = (bench.add(state="exited") for _ in range(2))
    bench.containers.unstartable.add(refused.container_id)
    with pytest.raises(ActionFailed, match=refused.container_id):
        bench.actions.act("start", DATA)
    assert {one.container_id: one.state for one in bench.actions.find()} == {
        refused.container_id: "exited",
        other.container_id: "running",
    }


def test_without_an_engine_nothing_is_done(bench: Bench) -> None:
    bench.add()
    bench.containers.away = True
    with pytest.raises(EngineUnavailable):
        bench.actions.act("stop", DATA)
