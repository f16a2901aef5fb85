"""The broker image, as a container with the restrictions of compose.yaml: routing, rights, loss."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stomp

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # read when testcontainers is imported

from testcontainers.core.container import DockerContainer

pytestmark = pytest.mark.docker

LOGINS = ("agent", "monitor", "supervisor", "operator")
PORT = 61613
HEALTHCHECK = "/opt/testbed/activemq/healthcheck.sh"
DATA = "/var/lib/activemq"
LIMIT = 10.0  # seconds that a condition may take unless a test knows better
STANDARD = {"reply_to": "reply-to", "correlation_id": "correlation-id"}  # STOMP's own headers
FRAME_LIMIT = 10 * 1024 * 1024  # bytes


class Refused(Exception):
    """The broker answered with an ERROR frame."""


class Client:
    """A STOMP connection whose answers and messages are waited for, never polled by chance."""

    def __init__(self, port: int, login: str | None, passcode: str | None) -> None:
        self.messages: queue.Queue[Any] = queue.Queue()
        self.answers: queue.Queue[tuple[str, str]] = queue.Queue()
        self.lost = False
        self.connection = stomp.Connection12(
            [("127.0.0.1", port)], reconnect_attempts_max=1, heartbeats=(0, 0)
        )
        self.connection.set_listener("z-client", self)
        self.connection.connect(login, passcode, wait=True)

    def on_message(self, frame: Any) -> None:
        self.messages.put(frame)

    def on_receipt(self, frame: Any) -> None:
        self.answers.put(("receipt", frame.headers["receipt-id"]))

    def on_error(self, frame: Any) -> None:
        self.answers.put(("error", frame.headers.get("message", "")))

    def on_disconnected(self) -> None:
        self.lost = True
        self.answers.put(("error", "disconnected"))

    def confirmed(self, receipt: str, limit: float = LIMIT) -> None:
        kind, value = self.answers.get(timeout=limit)
        if kind == "error":
            raise Refused(value)
        assert value == receipt

    def subscribe(self, destination: str, ack: str = "client-individual", **headers: str) -> None:
        receipt = uuid.uuid4().hex
        self.connection.subscribe(destination, receipt, ack, {"receipt": receipt, **headers})
        self.confirmed(receipt)

    def send(self, destination: str, body: str = "", **headers: str) -> None:
        receipt = uuid.uuid4().hex
        sent = {"persistent": "true", "receipt": receipt}
        sent |= {STANDARD.get(key, key): value for key, value in headers.items()}
        self.connection.send(destination, body, headers=sent)
        self.confirmed(receipt)

    def receive(self, limit: float = LIMIT) -> Any:
        try:
            return self.messages.get(timeout=limit)
        except queue.Empty:
            pytest.fail(f"no message within {limit} s")

    def ack(self, frame: Any) -> None:
        self.connection.ack(frame.headers["ack"])

    def nack(self, frame: Any) -> None:
        self.connection.nack(frame.headers["ack"])

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.connection.disconnect(receipt=None)


@dataclass
class Broker:
    container: Any
    passwords: dict[str, str]

    def port(self) -> int:
        """Another one after each start."""
        self.container.reload()
        return int(self.container.ports[f"{PORT}/tcp"][0]["HostPort"])

    def run(self, *command: str) -> tuple[int, str]:
        code, output = self.container.exec_run(list(command))
        return int(code), output.decode()

    def ready(self) -> bool:
        self.container.reload()
        return self.container.status == "running" and self.run(HEALTHCHECK)[0] == 0


def eventually(condition: Callable[[], bool], what: str, limit: float = LIMIT) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {limit} s")


def described(image: str, folder: Path, passwords: dict[str, str]) -> DockerContainer:
    """The container as compose.yaml describes it."""
    container = DockerContainer(image).with_exposed_ports(PORT)
    container.with_kwargs(
        init=True,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        mem_limit="1g",
    )
    container.tmpfs |= {"/tmp": "", "/run/activemq": "uid=10001,gid=10001,mode=0700"}
    for login, password in passwords.items():
        secret = folder / f"mq_{login}"
        secret.write_text(password)
        secret.chmod(0o444)
        container.with_volume_mapping(str(secret), f"/run/secrets/mq_{login}", "ro")
    return container


@contextlib.contextmanager
def running(image: str, folder: Path, passwords: dict[str, str]) -> Iterator[Broker]:
    with described(image, folder, passwords) as started:  # removed with its volume at the end
        yield Broker(started.get_wrapped_container(), passwords)


@pytest.fixture(scope="module")
def passwords() -> dict[str, str]:
    return {login: secrets.token_urlsafe(24) for login in LOGINS}


@pytest.fixture(scope="module")
def broker(
    activemq_image: str, passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    with running(activemq_image, tmp_path_factory.mktemp("secrets"), passwords) as broker:
        eventually(broker.ready, "the broker's health check")
        yield broker


@pytest.fixture
def connect(broker: Broker) -> Iterator[Callable[[str], Client]]:
    clients: list[Client] = []

    def connect(login: str) -> Client:
        clients.append(Client(broker.port(), login, broker.passwords[login]))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def namespace() -> str:
    """Fresh for each test, so that no test sees another one's queues."""
    return f"t{uuid.uuid4().hex[:8]}"


Connect = Callable[[str], Client]


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


# --- Routing --------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", ["epictopic", "panda.slices", "panda.results", "panda.workers"])
def test_each_program_and_each_plain_subscriber_gets_its_own_copy(
    connect: Connect, namespace: str, topic: str
) -> None:
    one, two, plain = connect("agent"), connect("agent"), connect("monitor")
    one.subscribe(f"/queue/Consumer.{namespace}-one.{topic}")
    two.subscribe(f"/queue/Consumer.{namespace}-two.{topic}")
    plain.subscribe(f"/topic/{topic}", ack="auto")
    connect("agent").send(f"/topic/{topic}", namespace, namespace=namespace)
    for receiver in (one, two, plain):
        frame = receiver.receive()
        assert (frame.body, frame.headers["namespace"]) == (namespace, namespace)
        assert receiver.messages.empty()


def test_replicas_of_a_program_share_its_copy(connect: Connect, namespace: str) -> None:
    source, replicas = f"/queue/Consumer.{namespace}-p.epictopic", [connect("agent") for _ in "ab"]
    for replica in replicas:
        replica.subscribe(source, **{"activemq.prefetchSize": "1"})
    sender = connect("agent")
    for number in range(20):
        sender.send("/topic/epictopic", str(number))
    received: list[list[str]] = [[], []]
    deadline = time.monotonic() + LIMIT
    while sum(map(len, received)) < 20 and time.monotonic() < deadline:
        for replica, bodies in zip(replicas, received, strict=True):
            with contextlib.suppress(queue.Empty):
                frame = replica.messages.get(timeout=0.05)
                bodies.append(frame.body)
                replica.ack(frame)
    assert all(received)
    assert sorted(received[0] + received[1], key=int) == [str(number) for number in range(20)]


def test_messages_are_kept_while_their_program_is_away(connect: Connect, namespace: str) -> None:
    source = f"/queue/Consumer.{namespace}-p.epictopic"
    before = connect("agent")
    before.subscribe(source)
    before.close()
    connect("agent").send("/topic/epictopic", "meanwhile")
    after = connect("agent")
    after.subscribe(source)
    assert after.receive().body == "meanwhile"


def test_what_a_dead_program_did_not_acknowledge_comes_again(
    connect: Connect, namespace: str
) -> None:
    source = f"/queue/Consumer.{namespace}-p.epictopic"
    dying = connect("agent")
    dying.subscribe(source)
    connect("agent").send("/topic/epictopic", "unfinished")
    assert dying.receive().body == "unfinished"
    dying.connection.transport.socket.shutdown(socket.SHUT_RDWR)
    heir = connect("agent")
    heir.subscribe(source)
    frame = heir.receive()
    assert (frame.body, frame.headers["redelivered"]) == ("unfinished", "true")


def test_a_command_is_answered_on_a_temporary_queue(connect: Connect, namespace: str) -> None:
    for asking, answering, control in (
        ("operator", "agent", "workflow_control"),
        ("monitor", "supervisor", "agent_control"),
    ):
        asker, answerer = connect(asking), connect(answering)
        asker.subscribe("/temp-queue/replies", ack="auto")
        answerer.subscribe(f"/queue/{control}", selector=f"namespace = '{namespace}'")
        asker.send(
            f"/queue/{control}",
            "list",
            reply_to="/temp-queue/replies",
            correlation_id=control,
            namespace=namespace,
        )
        command = answerer.receive()
        answerer.send(command.headers["reply-to"], "done", correlation_id=control)
        answerer.ack(command)
        reply = asker.receive()
        assert (reply.body, reply.headers["correlation-id"]) == ("done", control)


def test_an_answer_that_nobody_waits_for_costs_no_connection(
    connect: Connect, namespace: str
) -> None:
    asker, answerer = connect("operator"), connect("agent")
    asker.subscribe("/temp-queue/replies", ack="auto")
    answerer.subscribe("/queue/workflow_control", selector=f"namespace = '{namespace}'")
    asker.send("/queue/workflow_control", "?", reply_to="/temp-queue/replies", namespace=namespace)
    command = answerer.receive()
    asker.close()

    def is_gone() -> bool:
        try:
            answerer.send(command.headers["reply-to"], "too late")
        except Refused:
            return True
        return False

    eventually(is_gone, "the broker forgets the temporary queue")
    answerer.send("/topic/epictopic", "still connected")
    assert not answerer.lost


# --- Redelivery and dead letters ------------------------------------------------------------


def test_the_fifth_refusal_makes_a_dead_letter_of_each_programs_copy(
    connect: Connect, namespace: str
) -> None:
    # Of what a dead letter's headers say: `original-destination` is the queue it was refused in,
    # `dlqDeliveryFailureCause` is there for expired messages only, not for refused ones. Both
    # copies carry the same message-id: one subscription of "DLQ.>" would acknowledge the wrong
    # one, so each dead-letter queue is subscribed to by its own name.
    queues = [f"Consumer.{namespace}-{program}.epictopic" for program in ("one", "two")]
    programs = [connect("agent") for _ in queues]
    for program, name in zip(programs, queues, strict=True):
        program.subscribe(f"/queue/{name}")
    connect("agent").send("/topic/epictopic", "poison", msg_type="stf_gen", message_id="m-1")
    delays: list[str | None] = []
    for _ in range(5):
        for program in programs:
            frame = program.receive(limit=12)
            program.nack(frame)
        delays.append(frame.headers.get("redeliveryDelay"))
    assert delays == [None, "1000", "2000", "4000", "8000"]
    monitor = connect("monitor")
    for name in queues:
        monitor.subscribe(f"/queue/DLQ.{name}")
        letter = monitor.receive()
        assert letter.body == "poison"
        assert letter.headers["destination"] == f"/queue/DLQ.{name}"
        assert letter.headers["original-destination"] == f"/queue/{name}"
        assert letter.headers["msg_type"] == "stf_gen"
        assert "dlqDeliveryFailureCause" not in letter.headers
        monitor.ack(letter)
    assert all(program.messages.empty() for program in programs)


def test_an_expired_message_becomes_a_dead_letter_that_says_so(
    connect: Connect, namespace: str
) -> None:
    name = f"Consumer.{namespace}-p.panda.slices"
    monitor = connect("monitor")
    soon = str(int(time.time() * 1000) + 200)
    monitor.send(f"/queue/{name}", "late", expires=soon)
    monitor.send(f"/queue/{name}", "light", expires=soon, persistent="false")
    monitor.subscribe(f"/queue/DLQ.{name}")
    letters = {frame.body: frame.headers for frame in (monitor.receive(), monitor.receive())}
    assert set(letters) == {"late", "light"}
    for headers in letters.values():
        assert "Message Expired" in headers["dlqDeliveryFailureCause"]
        assert headers["original-destination"] == f"/queue/{name}"
        assert headers["originalExpiration"] == soon
        assert headers["expires"] == "0"


def test_a_refused_command_is_a_dead_letter_at_once(connect: Connect, namespace: str) -> None:
    agent, monitor = connect("agent"), connect("monitor")
    agent.subscribe("/queue/workflow_control", selector=f"namespace = '{namespace}'")
    monitor.subscribe("/queue/DLQ.workflow_control", selector=f"namespace = '{namespace}'")
    monitor.send("/queue/workflow_control", "refused", namespace=namespace)
    agent.nack(agent.receive())
    letter = monitor.receive(limit=1)
    assert letter.headers["original-destination"] == "/queue/workflow_control"


def test_a_refused_dead_letter_returns_to_its_queue(connect: Connect, namespace: str) -> None:
    monitor, source = connect("monitor"), f"/queue/DLQ.{namespace}"
    monitor.subscribe(source)
    monitor.send(source, "dead")
    monitor.nack(monitor.receive())
    assert monitor.receive().headers["destination"] == source


# --- Limits ---------------------------------------------------------------------------------


def test_a_frame_over_ten_mebibytes_is_refused(connect: Connect) -> None:
    connect("agent").send("/topic/panda.large", "x" * (FRAME_LIMIT - 1024))
    client = connect("agent")
    with pytest.raises((Refused, OSError, stomp.exception.NotConnectedException)):
        client.send("/topic/panda.large", "x" * (FRAME_LIMIT + 1024))
    eventually(lambda: client.lost, "the connection is closed")


def test_a_stalled_plain_subscriber_blocks_no_producer(broker: Broker, connect: Connect) -> None:
    # 720 MB, more than the broker's memory: it has to let go of what waits.
    messages, body = 12_000, "x" * 60_000
    with socket.create_connection(("127.0.0.1", broker.port())) as stalled:
        passcode = broker.passwords["monitor"]
        stalled.sendall(
            f"CONNECT\naccept-version:1.2\nhost:h\nlogin:monitor\npasscode:{passcode}\n\n\0"
            "SUBSCRIBE\nid:1\ndestination:/topic/panda.stalled\nack:auto\n\n\0".encode()
        )
        assert stalled.recv(9).startswith(b"CONNECTED")
        producer = connect("agent")
        for _ in range(messages // 1000):
            for _ in range(999):
                producer.connection.send("/topic/panda.stalled", body)
            producer.send("/topic/panda.stalled", body)  # confirmed within the limit


# --- Statistics -----------------------------------------------------------------------------


def test_statistics_tell_the_size_of_every_matching_queue(connect: Connect, namespace: str) -> None:
    # Ask: SEND to /queue/ActiveMQ.Statistics.Destination<pattern><END>, where <pattern> is a
    # queue's name or a wildcard such as "Consumer.>", with a reply-to of a temporary queue that is
    # subscribed to with `transformation: jms-map-json`. One answer per queue, and because of <END>
    # a last one with an empty map. A pattern that matches nothing gets that last answer alone.
    end = "ActiveMQ.Statistics.Destination.List.End.With.Null"
    monitor = connect("monitor")
    for number, program in enumerate(("one", "two"), start=1):
        for _ in range(number):
            monitor.send(f"/queue/Consumer.{namespace}-{program}.epictopic", "waiting")
    monitor.subscribe("/temp-queue/statistics", ack="auto", transformation="jms-map-json")
    monitor.send(
        f"/queue/ActiveMQ.Statistics.DestinationConsumer.>{end}",
        reply_to="/temp-queue/statistics",
        correlation_id=namespace,
        persistent="false",
    )
    sizes: dict[str, int] = {}
    while answer := json.loads(monitor.receive().body)["map"]:
        values = dict(pair(entry) for entry in answer["entry"])
        sizes[str(values["destinationName"])] = int(values["size"])
    assert sizes[f"queue://Consumer.{namespace}-one.epictopic"] == 1
    assert sizes[f"queue://Consumer.{namespace}-two.epictopic"] == 2
    assert "queue://workflow_control" not in sizes


def pair(entry: dict[str, Any]) -> tuple[str, Any]:
    """{"string": name, "long": value}, or {"string": [name, value]} when the value is text."""
    if isinstance(entry["string"], list):
        return entry["string"][0], entry["string"][1]
    return entry["string"], next(value for key, value in entry.items() if key != "string")


# --- Loss -----------------------------------------------------------------------------------


def test_a_killed_broker_loses_nothing_that_it_confirmed(
    broker: Broker, connect: Connect, namespace: str
) -> None:
    waiting = f"/queue/Consumer.{namespace}-waiting.epictopic"
    refused = f"/queue/Consumer.{namespace}-refused.epictopic"
    numbers = {str(number) for number in range(100)}
    away = connect("agent")
    away.subscribe(waiting)
    away.close()
    client = connect("agent")
    client.subscribe(refused)
    for number in numbers:
        client.send("/topic/epictopic", number)
    for _ in numbers:
        client.nack(client.receive())
    client.send("/topic/epictopic", "last")  # the broker has seen the refusals before it
    broker.container.kill("SIGKILL")
    broker.container.start()
    eventually(broker.ready, "the broker's health check after a kill")
    for source in (waiting, refused):  # in the store, and in the scheduler
        heir = connect("agent")
        heir.subscribe(source)
        assert {heir.receive().body for _ in range(101)} == {*numbers, "last"}
