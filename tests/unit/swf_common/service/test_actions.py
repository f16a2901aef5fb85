"""What each verb does to a container, and that its effect is seen before it counts."""

from __future__ import annotations

import pytest

from supervisor.engine import AgentContainer, EngineUnavailable
from swf_common.service.actions import EFFECT_TIMEOUT_S, SETTLE_S, ActionFailed, Actions
from testbed.testing import FakeClock
from tests.unit.supervisor.fake_engine import FakeEngine

DATA = "example-data-agent"


class Bench:
    """Actions on a fake engine; time passes only when they wait."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.clock = FakeClock()
        self.actions = Actions(self.engine, clock=self.clock, sleep=self.clock.sleep)

    def act(
        self, verb: str, container: AgentContainer, timeout: int | None = None
    ) -> AgentContainer:
        return self.actions.act(verb, container, timeout)

    @property
    def verbs(self) -> list[str]:
        return [call[0] for call in self.engine.calls]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("state", "calls"),
    [
        ("created", ["start"]),
        ("exited", ["start"]),
        ("paused", ["unpause"]),
        ("running", []),
    ],
)
def test_a_container_that_is_started_runs(bench: Bench, state: str, calls: list[str]) -> None:
    after = bench.act("start", bench.engine.add(DATA, state=state))
    assert (after.state, bench.verbs) == ("running", calls)


@pytest.mark.parametrize("state", ["running", "paused", "restarting"])
@pytest.mark.parametrize(("verb", "exit_code"), [("stop", 0), ("kill", 137)])
def test_a_container_that_is_stopped_or_killed_is_down(
    bench: Bench, state: str, verb: str, exit_code: int
) -> None:
    after = bench.act(verb, bench.engine.add(DATA, state=state))
    assert (after.state, after.exit_code, bench.verbs) == ("exited", exit_code, [verb])


@pytest.mark.parametrize("state", ["created", "exited", "dead"])
@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_what_is_down_is_left_as_it_is(bench: Bench, verb: str, state: str) -> None:
    after = bench.act(verb, bench.engine.add(DATA, state=state))
    assert (after.state, bench.verbs) == (state, [])


@pytest.mark.parametrize("state", ["created", "exited", "running", "paused"])
def test_a_container_that_is_restarted_has_a_new_start(bench: Bench, state: str) -> None:
    before = bench.engine.add(DATA, state=state)
    after = bench.act("restart", before)
    assert after.state == "running"
    assert after.started_at > before.started_at


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_a_stop_takes_the_time_of_the_service_unless_another_one_is_given(
    bench: Bench, verb: str
) -> None:
    for timeout in (None, 3, 0):
        bench.act(verb, bench.engine.add(DATA), timeout)
    assert [call[2] for call in bench.engine.calls] == ["30", "3", "0"]


@pytest.mark.parametrize("verb", ["start", "restart"])
def test_a_program_that_does_not_stay_up_has_not_been_started(bench: Bench, verb: str) -> None:
    container = bench.engine.add(DATA, state="exited")
    bench.engine.crashing.add(container.name)
    with pytest.raises(ActionFailed, match=r"is restarting, exit code 1.*testbed logs example-"):
        bench.act(verb, container)
    assert bench.clock() == pytest.approx(EFFECT_TIMEOUT_S, abs=1)


def test_a_program_that_ends_soon_after_its_start_is_found_out(bench: Bench) -> None:
    container = bench.engine.add(DATA, state="exited")
    bench.clock.at(SETTLE_S / 2, lambda: bench.engine.kill(container))
    with pytest.raises(ActionFailed, match="does not stay up: it is exited, exit code 137"):
        bench.act("start", container)


def test_a_restart_without_a_new_start_has_not_happened(bench: Bench) -> None:
    container = bench.engine.add(DATA)
    bench.engine.unmoved.add(container.name)
    with pytest.raises(ActionFailed, match="does not stay up"):
        bench.act("restart", container)


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_what_still_runs_has_not_been_stopped(bench: Bench, verb: str) -> None:
    container = bench.engine.add(DATA)
    bench.engine.unmoved.add(container.name)
    with pytest.raises(ActionFailed, match="is still running"):
        bench.act(verb, container)
    assert bench.clock() == pytest.approx(EFFECT_TIMEOUT_S, abs=1)


def test_what_is_brought_back_after_a_kill_has_not_been_killed(bench: Bench) -> None:
    container = bench.engine.add(DATA)
    bench.clock.at(SETTLE_S / 2, lambda: bench.engine.start(container))
    with pytest.raises(ActionFailed, match="is still running"):
        bench.act("kill", container)


def test_a_container_that_is_gone_is_told(bench: Bench) -> None:
    container = bench.engine.add(DATA)
    bench.engine.remove(container)
    with pytest.raises(ActionFailed, match="has been removed"):
        bench.act("stop", container)


def test_without_an_engine_nothing_is_done(bench: Bench) -> None:
    container = bench.engine.add(DATA)
    bench.engine.away = True
    with pytest.raises(EngineUnavailable, match="does not answer: no such file"):
        bench.act("stop", container)
