"""The monitor's questions to runner and broker, and how their answers are read."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from monitor.control import commands
from monitor.control.commands import (
    CONSUMER_QUEUES,
    REPLIES,
    Control,
    NoAnswer,
    Refused,
    Unanswered,
    patience_with,
)
from monitor.control.outcomes import MOST_WAITING
from monitor.control.statistics import STATISTICS, facts
from swf_common.broker.model import Delivery
from swf_common.protocol.agent_control import Done, KillAgent, ListAgents, RestartAgent, StopAgent
from swf_common.protocol.destinations import (
    AGENT_CONTROL,
    CONTROL,
    COPIED,
    EPICTOPIC,
    WORKFLOW_CONTROL,
)
from swf_common.protocol.message import Message
from swf_common.protocol.messages import RunWorkflow
from tests.unit.stomp_server import PATIENCE_S, Frame, StompServer

NAME = "queue://Consumer.torre1-example-data-agent.epictopic"


def statistics(name: str = NAME, size: int = 3, consumers: int = 2) -> str:
    """An answer of the broker's statistics plugin, as ActiveMQ writes it."""
    entries: list[dict[str, Any]] = [
        {"string": ["destinationName", name]},
        {"string": "size", "long": size},
        {"string": "inflightCount", "long": 1},
        {"string": "consumerCount", "long": consumers},
        {"string": "averageEnqueueTime", "double": 0.5},
        {"string": ["brokerName", "testbed"]},
    ]
    return json.dumps({"map": {"entry": entries}})


END_OF_LIST = '{"map":""}'


def test_statistics_are_read_by_name() -> None:
    found = facts(Delivery({}, statistics(), 1))
    assert (found["destinationName"], found["brokerName"]) == (NAME, "testbed")
    assert (found["size"], found["inflightCount"], found["averageEnqueueTime"]) == (3, 1, 0.5)


def test_statistics_can_be_read_twice() -> None:
    answer = Delivery({}, statistics(), 1)
    assert facts(answer) == facts(answer)


@pytest.mark.parametrize("body", [END_OF_LIST, '{"map": {}}', '{"map": null}'])
def test_an_empty_answer_ends_the_list(body: str) -> None:
    assert facts(Delivery({}, body, 1)) == {}


@pytest.fixture
def control(server: StompServer) -> Iterator[Control]:
    made = Control(server.broker)
    made.start()
    server.wait(lambda: server.of("SUBSCRIBE"), "the subscription to replies")
    assert made._link.wait_connected(PATIENCE_S)
    yield made
    made.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks does not wait for long."""
    monkeypatch.setattr(commands, "ANSWER_TIMEOUT_S", 0.05)
    monkeypatch.setattr(commands, "CONSUMERS_TIMEOUT_S", 0.05)
    monkeypatch.setattr(commands, "STATISTICS_TIMEOUT_S", 0.05)
    monkeypatch.setattr(commands, "SUPERVISOR_TIMEOUT_S", 0.05)
    monkeypatch.setattr(commands, "CONFIRM_TIMEOUT_S", 0.05)


def asked(server: StompServer) -> list[Frame]:
    """The questions that have come; copies for the record are none."""
    return [frame for frame in server.of("SEND") if frame.destination != CONTROL]


def answer(server: StompServer, *bodies: str, key: Callable[[Frame], str] | None = None) -> None:
    """Answer the next question with these bodies, as soon as it has come."""

    def wait_and_answer() -> None:
        server.wait(lambda: asked(server), "a question")
        frame = asked(server)[-1]
        correlation = key(frame) if key else frame.headers["correlation-id"]
        for number, body in enumerate(bodies):
            server.deliver(body, ack=f"{number}", correlation_id=correlation)

    threading.Thread(target=wait_and_answer, daemon=True).start()


def test_a_command_gets_the_runners_reply(server: StompServer, control: Control) -> None:
    answer(server, '{"msg_type": "accepted", "execution_id": "e-1"}')
    reply = control.ask_runner(RunWorkflow(workflow_name="stf_datataking", namespace="torre1"))
    assert (reply.msg_type, reply.execution_id) == ("accepted", "e-1")
    (frame,) = asked(server)
    assert frame.destination == WORKFLOW_CONTROL
    assert frame.headers["reply-to"] == REPLIES
    assert frame.headers["namespace"] == "torre1"


def test_a_command_expires_with_the_patience_of_who_asks(
    server: StompServer, control: Control
) -> None:
    answer(server, '{"msg_type": "accepted"}')
    control.ask_runner(Message(msg_type="status_request"))
    (frame,) = asked(server)
    assert frame.headers["persistent"] == "false"
    assert int(frame.headers["expires"]) > 1_700_000_000_000


def test_the_copy_of_a_command_outlives_it(server: StompServer, control: Control) -> None:
    answer(server, '{"msg_type": "accepted"}')
    control.ask_runner(Message(msg_type="status_request"))
    copy, command = server.of("SEND")
    assert (copy.destination, copy.body) == (CONTROL, command.body)
    assert copy.headers["correlation-id"] == command.headers["correlation-id"]
    assert copy.headers["persistent"] == "true"
    assert copy.headers.keys().isdisjoint({"expires", "reply-to", COPIED})
    assert command.headers[COPIED] == "true", "the broker makes no second copy"


def tell_consumers(server: StompServer, count: int) -> None:
    """Answer as a broker of whose command queue so many consume."""

    def wait_and_tell() -> None:
        server.wait(lambda: len(asked(server)) == 2, "the question to the broker")
        question = asked(server)[-1]
        assert question.destination == f"{STATISTICS}workflow_control"
        told = statistics("queue://workflow_control", consumers=count)
        for number, body in enumerate((told, END_OF_LIST)):
            key = question.headers["correlation-id"]
            server.deliver(body, ack=f"{number}", correlation_id=key)

    threading.Thread(target=wait_and_tell, daemon=True).start()


def test_nobody_to_answer_is_told_with_the_next_step(
    server: StompServer, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "ANSWER_TIMEOUT_S", 0.05)
    monkeypatch.setattr(commands, "CONSUMERS_TIMEOUT_S", PATIENCE_S)
    tell_consumers(server, 0)
    with pytest.raises(
        NoAnswer, match=r"No workflow-runner of namespace torre1 .* not be carried out.* testbed s"
    ) as told:
        control.ask_runner(Message(msg_type="status_request", namespace="torre1"))
    assert not isinstance(told.value, Unanswered)


def test_a_command_that_somebody_may_have_taken_may_be_carried_out(
    server: StompServer, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "ANSWER_TIMEOUT_S", 0.05)
    monkeypatch.setattr(commands, "CONSUMERS_TIMEOUT_S", PATIENCE_S)
    tell_consumers(server, 1)
    command = RunWorkflow(workflow_name="stf_datataking", namespace="torre1")
    with pytest.raises(Unanswered, match=r"not answered in 0.05 s.* may be carried out") as told:
        control.ask_runner(command)
    assert told.value.message_id == str(command.message_id)
    assert str(command.message_id) in str(told.value)


@pytest.mark.usefixtures("impatient")
def test_without_a_word_of_the_broker_a_command_may_be_carried_out(control: Control) -> None:
    with pytest.raises(Unanswered):
        control.ask_runner(Message(msg_type="status_request", namespace="torre1"))


@pytest.mark.usefixtures("impatient")
def test_a_reply_to_another_question_is_no_answer(server: StompServer, control: Control) -> None:
    answer(server, '{"msg_type": "accepted"}', key=lambda _: "another")
    with pytest.raises(NoAnswer):
        control.ask_runner(Message(msg_type="status_request"))


def test_a_reply_that_cannot_be_understood_is_told(server: StompServer, control: Control) -> None:
    answer(server, "no JSON")
    with pytest.raises(NoAnswer, match="cannot be understood"):
        control.ask_runner(Message(msg_type="status_request"))


def test_a_broker_that_is_away_is_told(server: StompServer, control: Control) -> None:
    control.stop()
    with pytest.raises(NoAnswer, match="The broker cannot be reached"):
        control.ask_runner(Message(msg_type="status_request"))
    with pytest.raises(NoAnswer, match="The broker cannot be reached"):
        control.queue_depths()


def test_the_broker_tells_the_depth_of_every_queue(server: StompServer, control: Control) -> None:
    answer(server, statistics(), statistics("queue://Consumer.other", 0), END_OF_LIST)
    assert control.queue_depths() == [
        {
            "queue": "Consumer.torre1-example-data-agent.epictopic",
            "depth": 3,
            "in_flight": 1,
            "consumers": 2,
        },
        {"queue": "Consumer.other", "depth": 0, "in_flight": 1, "consumers": 2},
    ]
    assert server.of("SEND")[0].destination == f"{STATISTICS}{CONSUMER_QUEUES}"


@pytest.mark.usefixtures("impatient")
def test_half_a_list_of_queues_is_no_answer(server: StompServer, control: Control) -> None:
    answer(server, statistics())
    with pytest.raises(NoAnswer, match="did not report its queues"):
        control.queue_depths()


# --- The supervisor -------------------------------------------------------------------------


def test_the_supervisor_is_asked_and_its_reply_is_given(
    server: StompServer, control: Control
) -> None:
    answer(server, '{"msg_type": "done", "containers": []}')
    reply = control.ask_supervisor(KillAgent(program="example-data-agent", namespace="torre1"))
    assert isinstance(reply, Done)
    (frame,) = asked(server)
    assert frame.destination == AGENT_CONTROL
    assert frame.headers["namespace"] == "torre1"
    assert frame.headers["persistent"] == "false"
    content = json.loads(frame.body)
    assert content["expires_at"], "a command that waited too long is not begun any more"


def test_who_asks_does_not_wait_for_a_supervisor_that_the_broker_does_not_know(
    server: StompServer, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "BEGIN_TIMEOUT_S", 0.05)

    nobody = statistics("queue://agent_control", consumers=0)

    def tell_of_nobody() -> None:
        server.wait(lambda: len(asked(server)) == 2, "the question to the broker")
        question = asked(server)[-1]
        assert question.destination == f"{STATISTICS}agent_control"
        for number, body in enumerate((nobody, END_OF_LIST)):
            key = question.headers["correlation-id"]
            server.deliver(body, ack=f"{number}", correlation_id=key)

    threading.Thread(target=tell_of_nobody, daemon=True).start()
    started = time.monotonic()
    with pytest.raises(NoAnswer, match="No supervisor of namespace torre1"):
        control.ask_supervisor(StopAgent(program="x", namespace="torre1"))
    assert time.monotonic() - started < PATIENCE_S


@pytest.mark.usefixtures("impatient")
def test_no_supervisor_is_told_with_its_switch(control: Control) -> None:
    with pytest.raises(NoAnswer, match=r"No supervisor of namespace torre1 .*\[supervisor\]"):
        control.ask_supervisor(ListAgents(namespace="torre1"))


def test_a_supervisor_that_is_switched_off_is_not_waited_for(
    server: StompServer, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.TESTBED_SUPERVISOR", False)
    with pytest.raises(NoAnswer, match=r"\[supervisor\] enabled = false"):
        control.ask_supervisor(ListAgents(namespace="torre1"))
    assert server.of("SEND") == []


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (ListAgents(), 15),
        (KillAgent(program="x"), 15),
        (StopAgent(program="x"), 50),
        (RestartAgent(program="x", timeout=5), 25),
        (StopAgent(program="x", timeout=0), 20),
    ],
)
def test_who_asks_waits_as_long_as_an_agent_may_take(command: ListAgents, seconds: float) -> None:
    assert patience_with(command) == seconds


# --- What others need meanwhile --------------------------------------------------------------


def test_the_connection_to_the_database_is_given_back_before_an_answer_is_waited_for(
    server: StompServer,
) -> None:
    given_back: list[int] = []
    control = Control(server.broker, lambda: given_back.append(len(asked(server))))
    control.start()
    assert control._link.wait_connected(PATIENCE_S)
    server.wait(lambda: server.of("SUBSCRIBE"), "the subscription to replies")
    answer(server, '{"msg_type": "accepted", "execution_id": "e-1"}')
    control.ask_runner(RunWorkflow(workflow_name="stf_datataking", namespace="torre1"))
    assert len(given_back) == 1
    control.send(EPICTOPIC, Message(msg_type="announcement", namespace="torre1"))
    assert len(given_back) == 2
    control.stop()


def test_no_more_commands_wait_at_once_than_there_are_places(
    server: StompServer, control: Control
) -> None:
    def ask() -> None:
        with contextlib.suppress(NoAnswer):
            control.ask_runner(RunWorkflow(workflow_name="stf_datataking", namespace="torre1"))

    waiting = [threading.Thread(target=ask) for _ in range(MOST_WAITING)]
    for thread in waiting:
        thread.start()
    server.wait(lambda: len(asked(server)) == MOST_WAITING, "all have asked")
    with pytest.raises(NoAnswer, match="wait for an answer already"):
        control.ask_supervisor(ListAgents(namespace="torre1"))
    for frame in asked(server):
        reply = '{"msg_type": "accepted", "execution_id": "e-1"}'
        server.deliver(reply, ack="1", correlation_id=frame.headers["correlation-id"])
    for thread in waiting:
        thread.join(PATIENCE_S)
    one_more = threading.Thread(target=ask)
    one_more.start()
    server.wait(lambda: len(asked(server)) > MOST_WAITING, "there is a place again")
    key = asked(server)[-1].headers["correlation-id"]
    server.deliver('{"msg_type": "accepted"}', ack="1", correlation_id=key)
    one_more.join(PATIENCE_S)


# --- Messages to everybody ------------------------------------------------------------------


def sent(control: Control) -> Message:
    message = Message(msg_type="announcement", namespace="torre1")
    control.send(EPICTOPIC, message)
    return message


def test_a_message_counts_as_sent_when_the_broker_has_confirmed_it(
    server: StompServer, control: Control
) -> None:
    message = sent(control)
    (frame,) = server.of("SEND")
    assert frame.destination == EPICTOPIC
    assert json.loads(frame.body)["message_id"] == str(message.message_id)


@pytest.mark.usefixtures("impatient")
def test_a_message_that_nobody_confirms_is_told(server: StompServer, control: Control) -> None:
    server.silent.add("SEND")
    with pytest.raises(NoAnswer, match="did not confirm"):
        sent(control)


def test_a_message_that_the_broker_refuses_is_told(server: StompServer, control: Control) -> None:
    server.refused.add(EPICTOPIC)
    with pytest.raises(Refused, match="not authorized to write"):
        sent(control)
