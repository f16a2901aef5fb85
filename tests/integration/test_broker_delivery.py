"""What the broker delivers, to whom, how often, and what it never loses."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import time
from typing import Any

import pytest
import stomp

from swf_common.protocol.destinations import COPIED
from tests.broker_container import (
    FRAME_LIMIT,
    LIMIT,
    Broker,
    Connect,
    Refused,
)
from tests.waiting import eventually

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


@pytest.mark.parametrize("queue_name", ["workflow_control", "agent_control"])
def test_a_command_is_copied_for_the_record_unless_its_sender_has_done_so(
    connect: Connect, namespace: str, queue_name: str
) -> None:
    recorder, operator = connect("monitor"), connect("operator")
    recorder.subscribe(f"/queue/Consumer.{namespace}-recorder.testbed.control")
    operator.send(f"/queue/{queue_name}", "copied", namespace=namespace, **{COPIED: "true"})
    operator.send(f"/queue/{queue_name}", "not copied", namespace=namespace)
    assert recorder.receive().body == "not copied"


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


def test_a_stalled_plain_subscriber_blocks_neither_producers_nor_queues(
    broker: Broker, connect: Connect, namespace: str
) -> None:
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
        program = connect("agent")
        program.subscribe(f"/queue/Consumer.{namespace}-p.epictopic")
        for number in range(300):
            producer.send("/topic/epictopic", str(number))
        for number in range(300):
            frame = program.receive()
            assert frame.body == str(number)
            program.ack(frame)


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
