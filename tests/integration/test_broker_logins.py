"""The broker's container, its logins, and what each of them may do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import stomp

from tests.broker_container import (
    HEALTHCHECK,
    LIMIT,
    LOGINS,
    PORT,
    Broker,
    Client,
    Connect,
    Refused,
    running,
)
from tests.waiting import eventually

# --- The container --------------------------------------------------------------------------


def test_it_runs_without_root_and_without_a_writable_root(broker: Broker) -> None:
    assert broker.run("id", "-u") == (0, "10001\n")
    code, output = broker.run("touch", "/opt/probe")
    assert code != 0
    assert "Read-only file system" in output
    assert broker.container.image.attrs["Config"]["User"] == "10001:10001"


def test_no_password_shows_in_arguments_or_environment(broker: Broker) -> None:
    _, shown = broker.run("bash", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ")
    assert "activemq.xml" in shown  # the broker's own arguments are among them
    assert not [login for login, password in broker.passwords.items() if password in shown]
    assert broker.run("stat", "-c", "%a", "/run/activemq/logins.properties") == (0, "600\n")


def test_the_health_check_leaves_no_trace_in_the_log(broker: Broker) -> None:
    before = broker.container.logs()
    assert broker.run(HEALTHCHECK)[0] == 0
    assert broker.container.logs() == before


def test_the_health_check_fails_where_no_broker_answers(broker: Broker) -> None:
    code, _ = broker.run("bash", "-c", f"sed s/{PORT}/1/ {HEALTHCHECK} | bash")
    assert code != 0


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("", "mq_monitor is empty"),
        ("short", "shorter than 8"),
        ("changeme", "well-known"),
        ("back\\slash-${x}", "may only hold"),
    ],
)
def test_it_refuses_to_start_with_a_bad_password(
    activemq_image: str, passwords: dict[str, str], tmp_path: Path, password: str, complaint: str
) -> None:
    with running(activemq_image, tmp_path, {**passwords, "monitor": password}) as refusing:
        assert refusing.container.wait(timeout=LIMIT)["StatusCode"] == 1
        assert complaint in refusing.container.logs().decode()


def test_it_shuts_down_in_order_when_it_is_stopped(
    activemq_image: str, passwords: dict[str, str], tmp_path: Path
) -> None:
    with running(activemq_image, tmp_path, passwords) as stopping:
        eventually(stopping.ready, "the broker's health check")
        stopping.container.stop(timeout=int(LIMIT))
        assert stopping.container.logs().decode().rstrip().endswith("is shutdown")


# --- Logins and rights ----------------------------------------------------------------------


def test_a_wrong_login_is_refused(broker: Broker) -> None:
    right = broker.passwords
    for login, passcode in (
        (None, None),
        ("", ""),
        ("agent", "wrong"),
        ("agent", right["monitor"]),
        ("nobody", right["agent"]),
        ("system", "manager"),
    ):
        with pytest.raises(stomp.exception.ConnectFailedException):
            Client(broker.port(), login, passcode)


MAY_SEND = {
    "/topic/epictopic": {"agent", "monitor", "operator"},
    "/topic/panda.slices": {"agent", "monitor"},
    "/topic/other": set(),
    "/queue/workflow_control": {"monitor", "operator"},
    "/queue/agent_control": {"monitor", "operator"},
    "/queue/Consumer.rights-program.epictopic": {"agent", "monitor"},
    "/queue/panda.rights.transformer": {"agent"},
    "/queue/processing_agent": {"agent"},
    "/queue/monitoring_agent": {"agent"},
    "/queue/DLQ.rights": {"monitor"},
    "/queue/other": set(),
    # Names with wildcards or lists would reach the readers of several queues at once.
    "/queue/*": set(),
    "/queue/>": set(),
    "/queue/panda.rights,workflow_control": set(),
    "/queue/ActiveMQ.Statistics.Destination.>": {"monitor"},
    "/topic/ActiveMQ.Scheduler.Management": set(),
}

MAY_READ = {
    "/topic/epictopic": {"agent", "monitor", "operator"},
    "/topic/panda.results": {"agent", "monitor", "operator"},
    "/topic/other": {"monitor", "operator"},
    "/queue/workflow_control": {"agent"},
    "/queue/agent_control": {"supervisor"},
    "/queue/Consumer.rights-program.epictopic": {"agent", "monitor"},
    "/queue/Consumer.rights-program.panda.slices": {"agent", "monitor"},
    "/queue/panda.rights.transformer": {"agent", "monitor"},
    "/queue/processing_agent": {"agent"},
    "/queue/monitoring_agent": {"agent"},
    "/queue/DLQ.rights": {"monitor"},
    "/queue/DLQ.>": {"monitor"},
    "/queue/other": set(),
    "/queue/>": set(),
    "/temp-queue/replies": set(LOGINS),
}


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("destination", MAY_SEND)
def test_who_may_send(connect: Connect, login: str, destination: str) -> None:
    client = connect(login)
    if login in MAY_SEND[destination]:
        client.send(destination, "rights", reply_to="/queue/panda.rights")
    else:
        with pytest.raises(Refused, match=r"not authorized to (write|create)"):
            client.send(destination, "rights")


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("destination", MAY_READ)
def test_who_may_read(connect: Connect, login: str, destination: str) -> None:
    client = connect(login)
    if login in MAY_READ[destination]:
        client.subscribe(destination)
    else:
        with pytest.raises(Refused, match=r"not authorized to (read|create)"):
            client.subscribe(destination)


def test_what_is_refused_stands_in_the_brokers_log(broker: Broker, connect: Connect) -> None:
    """The predecessor's programs do not look at it: an operator of the testbed finds it there."""
    with pytest.raises(Refused):
        connect("agent").send("/queue/agent_control.jane", "start_testbed")
    refusal = "User agent is not authorized to write to: queue://agent_control.jane"

    def logged() -> bool:
        lines = broker.container.logs().decode().splitlines()
        return any(
            refusal in line and "Security Error occurred on connection to" in line for line in lines
        )

    eventually(logged, "the refusal in the broker's log")


# --- The login that has the rights of two ---------------------------------------------------


@pytest.fixture(scope="module")
def lenient(
    activemq_image: str, passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker with the login `legacy`."""
    given = {**passwords, "legacy": secrets.token_urlsafe(24)}
    switch = {"TESTBED_LEGACY_LOGIN": "true"}
    with running(activemq_image, tmp_path_factory.mktemp("legacy"), given, switch) as broker:
        eventually(broker.ready, "the broker's health check")
        yield broker


def test_one_login_does_what_the_predecessors_programs_do_with_one(lenient: Broker) -> None:
    client = Client(lenient.port(), "legacy", lenient.passwords["legacy"])
    client.subscribe("/topic/epictopic", ack="auto")
    client.send("/topic/epictopic", "a run is imminent")
    assert client.receive().body == "a run is imminent"
    client.subscribe("/queue/workflow_control", ack="auto")
    client.send("/queue/workflow_control", "run a workflow")
    assert client.receive().body == "run a workflow"
    client.close()


@pytest.mark.parametrize("destination", MAY_SEND)
def test_the_one_login_may_send_what_agents_and_operators_may(
    lenient: Broker, destination: str
) -> None:
    client = Client(lenient.port(), "legacy", lenient.passwords["legacy"])
    if MAY_SEND[destination] & {"agent", "operator"}:
        client.send(destination, "rights", reply_to="/queue/panda.rights")
    else:
        with pytest.raises(Refused, match=r"not authorized to (write|create)"):
            client.send(destination, "rights")
    client.close()


@pytest.mark.parametrize("destination", MAY_READ)
def test_the_one_login_may_read_what_agents_and_operators_may(
    lenient: Broker, destination: str
) -> None:
    client = Client(lenient.port(), "legacy", lenient.passwords["legacy"])
    if MAY_READ[destination] & {"agent", "operator"}:
        client.subscribe(destination)
    else:
        with pytest.raises(Refused, match=r"not authorized to (read|create)"):
            client.subscribe(destination)
    client.close()


def test_the_other_logins_are_as_they_were(lenient: Broker) -> None:
    client = Client(lenient.port(), "agent", lenient.passwords["agent"])
    with pytest.raises(Refused, match="not authorized to write"):
        client.send("/queue/workflow_control", "run a workflow")
    client.close()


def test_the_one_login_does_not_exist_unless_it_is_switched_on(
    activemq_image: str, passwords: dict[str, str], tmp_path: Path
) -> None:
    """Its secret is there all the same, as in a testbed."""
    given = {**passwords, "legacy": "a-good-password"}
    with running(activemq_image, tmp_path, given) as strict:
        eventually(strict.ready, "the broker's health check")
        with pytest.raises(stomp.exception.ConnectFailedException):
            Client(strict.port(), "legacy", given["legacy"])
        assert strict.run("grep", "-c", "legacy", "/run/activemq/logins.properties")[0] == 1


def test_a_switch_that_is_neither_on_nor_off_is_refused(
    activemq_image: str, passwords: dict[str, str], tmp_path: Path
) -> None:
    switch = {"TESTBED_LEGACY_LOGIN": "yes"}
    with running(activemq_image, tmp_path, passwords, switch) as refusing:
        assert refusing.container.wait(timeout=LIMIT)["StatusCode"] == 1
        assert "may be true or false" in refusing.container.logs().decode()


# --- Wildcards ------------------------------------------------------------------------------


def test_a_wildcard_shows_an_agent_nothing_that_is_not_its_own(connect: Connect) -> None:
    monitor, agent = connect("monitor"), connect("agent")
    monitor.send("/queue/DLQ.hidden", "hidden")
    monitor.send("/queue/agent_control", "hidden")
    agent.subscribe("/queue/*")
    agent.subscribe("/queue/*.*")
    for destination in ("/queue/DLQ.hidden", "/queue/agent_control"):
        monitor.send(destination, "hidden")
    agent.send("/queue/panda.visible", "visible")
    assert agent.receive().body != "hidden"
    received = [agent.messages.get().body for _ in range(agent.messages.qsize())]
    assert "hidden" not in received
    with pytest.raises(Refused, match=r"not authorized to create"):
        agent.send("/queue/*", "to the readers of every queue of one word")
