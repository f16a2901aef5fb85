"""The small parts of an agent: container id, inbox, routes, settings, state file."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.__main__ import find_program
from agents.programs.example_data_agent.agent import ExampleDataAgent
from agents.runtime.container import container_id
from agents.runtime.inbox import Arrival, Inbox
from agents.runtime.routing import Handler, handlers_of, handles
from agents.runtime.settings import AgentSettings
from swf_common.broker.model import Delivery
from swf_common.protocol.message import Message
from swf_common.protocol.states import OperationalState
from swf_common.service.settings import SettingsError
from swf_common.service.state_file import StateFile

FULL_ID = "0123456789abcdef" * 4
ROOT_MOUNT = "1019 892 0:110 / / ro,relatime - overlay overlay rw,lowerdir=/var/lib/docker/l/ABC\n"
BINDS = "".join(
    f"104{number} 1019 254:1 /var/lib/docker/containers/{FULL_ID}/{name} /etc/{name} "
    "ro,relatime - ext4 /dev/vda1 rw\n"
    for number, name in enumerate(("resolv.conf", "hostname", "hosts"))
)
CGROUP_V1 = (
    "1033 1032 0:29 /docker/" + FULL_ID + " /sys/fs/cgroup/systemd ro,nosuid - cgroup systemd\n"
)
CGROUP_V2 = "1033 1032 0:29 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n"


@pytest.mark.parametrize("cgroup", [CGROUP_V1, CGROUP_V2])
def test_the_container_id_is_read_from_the_binds_of_the_engine(tmp_path: Path, cgroup: str) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(ROOT_MOUNT + cgroup + BINDS)
    assert container_id(mountinfo, "my-host") == FULL_ID


@pytest.mark.parametrize(
    ("hostname", "found"),
    [
        ("0123456789ab", "0123456789ab"),
        ("my-host", None),
        ("0123456789a", None),
        ("0123456789abc", None),
        ("0123456789AB", None),
        ("", None),
    ],
)
def test_without_binds_only_a_host_name_of_12_hex_digits_tells(
    tmp_path: Path, hostname: str, found: str | None
) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(ROOT_MOUNT + CGROUP_V2)
    assert container_id(mountinfo, hostname) == found
    assert container_id(tmp_path / "missing", hostname) == found


def arrival(msg_type: str, number: int = 0) -> Arrival:
    return Arrival(Message.model_validate({"msg_type": msg_type, "n": number}), Delivery({}, "", 1))


def numbers(arrivals: list[Arrival]) -> list[Any]:
    return [one.message.field("n") for one in arrivals]


def filled(*kinds: str) -> Inbox:
    inbox = Inbox()
    for number, kind in enumerate(kinds):
        inbox.put(arrival(kind, number))
    return inbox


def test_an_inbox_gives_what_arrived_first() -> None:
    inbox = filled("a", "a")
    assert numbers(inbox.take(lambda _: 1, 0)) == [0]
    assert numbers(inbox.take(lambda _: 1, 0)) == [1]


def test_a_batch_ends_where_another_type_begins() -> None:
    inbox = filled("a", "a", "b", "a")
    assert numbers(inbox.take(lambda _: 10, 0)) == [0, 1]
    assert numbers(inbox.take(lambda _: 10, 0)) == [2]
    assert numbers(inbox.take(lambda _: 10, 0)) == [3]


def test_a_batch_is_as_large_as_its_type_allows() -> None:
    sizes = {"a": 2, "b": 1}
    inbox = filled("a", "a", "a", "b", "b")
    taken = [numbers(inbox.take(sizes.__getitem__, 0)) for _ in range(4)]
    assert taken == [[0, 1], [2], [3], [4]]


@given(st.lists(st.sampled_from("abc")), st.integers(1, 5))
def test_batches_keep_the_order_and_lose_nothing(kinds: list[str], size: int) -> None:
    inbox = filled(*kinds)
    taken: list[Any] = []
    while batch := inbox.take(lambda _: size, 0):
        assert len({one.message.msg_type for one in batch}) == 1
        assert len(batch) <= size
        taken += numbers(batch)
    assert taken == list(range(len(kinds)))


def test_an_inbox_without_arrivals_gives_nothing() -> None:
    assert Inbox().take(lambda _: 1, 0) == []


def test_a_closed_inbox_gives_nothing_any_more() -> None:
    inbox = filled("a")
    inbox.close()
    assert inbox.take(lambda _: 1, 10) == []


def test_what_came_over_a_lost_connection_is_forgotten() -> None:
    inbox = filled("a", "b")
    inbox.discard_all()
    assert len(inbox) == 0
    assert inbox.take(lambda _: 1, 0) == []


class Routed:
    @handles("run_imminent")
    @handles("start_run")
    def prepare(self, message: Message) -> None: ...

    @handles("stf_gen", batch=7)
    def register(self, messages: list[Message]) -> None: ...

    def helper(self) -> None: ...


class Derived(Routed):
    @handles("end_run")
    def close(self, message: Message) -> None: ...


def test_the_routes_of_an_agent_are_its_marked_methods() -> None:
    agent = Routed()
    assert handlers_of(agent) == {
        "run_imminent": Handler(agent.prepare),
        "start_run": Handler(agent.prepare),
        "stf_gen": Handler(agent.register, 7),
    }


def test_an_agent_inherits_routes() -> None:
    assert set(handlers_of(Derived())) == {"run_imminent", "start_run", "stf_gen", "end_run"}
    assert "end_run" not in handlers_of(Routed())


class Overriding(Routed):
    def prepare(self, message: Message) -> None: ...


def test_a_handler_that_is_overridden_keeps_its_routes() -> None:
    """Without a route its messages would be acknowledged and dropped."""
    agent = Overriding()
    assert set(handlers_of(agent)) == set(handlers_of(Routed()))
    assert handlers_of(agent)["start_run"].call == agent.prepare


def test_a_program_is_found_by_its_name() -> None:
    assert find_program("example-data-agent") is ExampleDataAgent


@pytest.mark.parametrize("program", ["example-dta-agent", "", "__init__"])
def test_an_unknown_program_is_told(program: str) -> None:
    with pytest.raises(SettingsError, match=r"no module|exactly one agent class"):
        find_program(program)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """What compose.yaml gives an agent."""
    for name in ("password", "token"):
        (tmp_path / name).write_text(f"{name}-text\n")
    return {
        "TESTBED_PROGRAM": "example-data-agent",
        "TESTBED_NAMESPACE": "torre1",
        "ACTIVEMQ_HOST": "activemq",
        "ACTIVEMQ_PASSWORD_FILE": str(tmp_path / "password"),
        "SWF_MONITOR_URL": "http://monitor:8000/",
        "SWF_API_TOKEN_FILE": str(tmp_path / "token"),
    }


def test_the_settings_come_from_the_environment(env: dict[str, str]) -> None:
    settings = AgentSettings.from_environment(env)
    assert (settings.broker.host, settings.broker.port) == ("activemq", 61613)
    assert (settings.broker.login, settings.broker.password) == ("agent", "password-text")
    assert (settings.monitor_url, settings.monitor_token) == ("http://monitor:8000", "token-text")
    assert (settings.user, settings.heartbeat_interval) == ("testbed", 5.0)
    assert settings.handler_limit is None
    settings = AgentSettings.from_environment({**env, "TESTBED_HANDLER_LIMIT": "7200"})
    assert settings.handler_limit == 7200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TESTBED_PROGRAM", ""),
        ("TESTBED_NAMESPACE", ""),
        ("TESTBED_NAMESPACE", "Torre 1"),
        ("ACTIVEMQ_HOST", ""),
        ("ACTIVEMQ_PORT", "stomp"),
        ("ACTIVEMQ_PASSWORD_FILE", "/nowhere/password"),
        ("SWF_MONITOR_URL", ""),
        ("SWF_API_TOKEN_FILE", ""),
        ("TESTBED_HEARTBEAT_INTERVAL", "often"),
        ("TESTBED_HEARTBEAT_INTERVAL", "0"),
        ("TESTBED_HEARTBEAT_INTERVAL", "-5"),
        ("TESTBED_HANDLER_LIMIT", "0"),
        ("TESTBED_HANDLER_LIMIT", "long"),
    ],
)
def test_a_missing_or_wrong_setting_is_told_by_its_name(
    env: dict[str, str], name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=name):
        AgentSettings.from_environment({**env, name: value})


def test_the_state_file_tells_state_time_and_validity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_767_614_400.9)
    path = tmp_path / "run" / "state"
    file = StateFile(path, 30.5)
    file.write(OperationalState.STARTING)
    file.write(OperationalState.READY)
    assert path.read_text() == "READY 1767614400 30\n"
    assert [found.name for found in path.parent.iterdir()] == ["state"]


def test_messages_of_a_burst_gather_until_a_batch_is_there_or_the_time_is_over() -> None:
    inbox = filled("many", "many")
    assert len(inbox.take(lambda _: 2, 0, lambda _: 600.0)) == 2  # it does not wait for more
    inbox.put(arrival("many", 3))
    assert len(inbox.take(lambda _: 2, 0, lambda _: 0.01)) == 1


def test_an_inbox_that_closes_ends_the_gathering() -> None:
    inbox = filled("many")
    closing = threading.Timer(0.05, inbox.close)
    closing.start()
    assert inbox.take(lambda _: 2, 0, lambda _: 60.0) == []
    closing.join()
