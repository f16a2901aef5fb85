"""The fakes keep the promises of the ports that they stand behind."""

from __future__ import annotations

import pytest

from swf_common.errors import ExitCode
from testbed.engine.compose import ComposeFailed
from testbed.testing import EPOCH, FakeClock, FakeCompose, FakeContainers
from tests.unit.samples import compose_services


@pytest.fixture
def containers() -> FakeContainers:
    return FakeContainers()


@pytest.fixture
def compose(containers: FakeContainers) -> FakeCompose:
    containers.images.add("postgres:17")
    return FakeCompose(compose_services(), containers)


def test_what_is_planned_happens_at_its_moment_and_in_order() -> None:
    clock, seen = FakeClock(), list[tuple[str, float]]()
    clock.at(2, lambda: seen.append(("second", clock())))
    clock.at(1, lambda: seen.append(("first", clock())))
    clock.at(2, lambda: seen.append(("third", clock())))
    clock.sleep(0.5)
    assert seen == []
    clock.sleep(9.5)
    assert seen == [("first", 1), ("second", 2), ("third", 2)]
    assert clock() == (clock.now - EPOCH).total_seconds() == 10


def test_who_waits_for_ever_is_told() -> None:
    with pytest.raises(AssertionError, match="still waits"):
        FakeClock(limit_s=10).sleep(11)


def test_up_builds_nothing(compose: FakeCompose) -> None:
    with pytest.raises(ComposeFailed, match=r"No such image: testbed/monitor:1") as caught:
        compose.up(["monitor"], {})
    assert caught.value.exit_code == ExitCode.BACKEND


def test_up_brings_what_a_service_depends_on_unless_told_otherwise(
    compose: FakeCompose, containers: FakeContainers
) -> None:
    compose.build(["monitor"])
    compose.up(["monitor"], {})
    assert [found.program for found in containers.all()] == ["postgres", "migrate", "monitor"]
    containers.remove(containers.all()[0].container_id)
    compose.up(["monitor"], {}, dependencies=False)
    assert [found.program for found in containers.all()] == ["migrate", "monitor"]


def test_up_scales_both_ways(compose: FakeCompose, containers: FakeContainers) -> None:
    compose.build(["activemq"])
    for scale in (3, 1, 2):
        compose.up(["activemq"], {"activemq": scale})
        assert len(containers.all()) == scale


def test_stop_leaves_containers_and_down_removes_them(
    compose: FakeCompose, containers: FakeContainers
) -> None:
    compose.build(["activemq"])
    compose.up(["activemq"], {})
    compose.stop(["activemq"])
    assert [found.state for found in containers.all()] == ["exited"]
    compose.down(volumes=True)
    assert containers.all() == []
    assert compose.calls[-1] == ("down", ("--volumes",))


def test_a_verb_that_is_to_fail_fails(compose: FakeCompose) -> None:
    compose.failing["logs"] = "no such service"
    with pytest.raises(ComposeFailed, match="docker compose logs failed: no such service"):
        compose.logs(["x"], follow=True, since=None, tail="5")
    assert compose.calls == [("logs", ("x", "--follow", "--tail"))]


def test_a_restart_keeps_the_id_and_a_port_needs_a_running_container(
    containers: FakeContainers,
) -> None:
    container = containers.add("monitor")
    containers.ports["monitor", 8000] = ("127.0.0.1", 49153)
    containers.clock.sleep(5)
    again = containers.restart(container.container_id)
    assert (again.container_id, again.restart_count) == (container.container_id, 1)
    assert again.started_at == containers.clock.now
    assert containers.published_port("monitor", 8000) == ("127.0.0.1", 49153)
    containers.exit(container.container_id, 1)
    assert containers.published_port("monitor", 8000) is None
    assert containers.published_port("monitor", 9000) is None
