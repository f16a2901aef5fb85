"""A running agent between a STOMP server and a monitor, both in this process."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

from agents.runtime import BaseAgent, handles
from agents.runtime.settings import AgentSettings
from swf_common.protocol.destinations import EPICTOPIC
from swf_common.protocol.message import Message
from swf_common.protocol.messages import StfGen
from tests.unit.samples import NAMESPACE
from tests.unit.stomp_server import PATIENCE_S, StompServer
from tests.unit.testbed.monitor_server import MonitorServer

PROGRAM = "test-agent"
INTERVAL_S = 60.0
"""Seconds between periodic heartbeats: in a test only those come that tell a change."""


def stf_gen(sequence: int = 1, **changes: Any) -> dict[str, Any]:
    """The content of an `stf_gen` message."""
    return {
        "msg_type": "stf_gen",
        "message_id": str(uuid5(NAMESPACE_URL, f"stf {sequence}")),
        "namespace": NAMESPACE,
        "execution_id": "stf_datataking-jane-0001",
        "run_id": "100010",
        "state": "run",
        "substate": "physics",
        "simulation_tick": 14.2,
        "filename": f"swf.100010.{sequence:06d}.stf",
        "sequence": sequence,
        "file_url": f"file:///data/daq/100010/swf.100010.{sequence:06d}.stf",
        "checksum": "sha256:00",
        "size_bytes": 10,
        "tf_count": 3,
        "start": "2026-01-05T12:00:00+00:00",
        "end": "2026-01-05T12:00:01+00:00",
        **changes,
    }


def many(number: int, **further: Any) -> dict[str, Any]:
    """The content of a message that `Echo` takes in batches."""
    message_id = stf_gen(1000 + number)["message_id"]
    return {"msg_type": "many", "message_id": message_id, "number": number, **further}


class Bench:
    """An agent with its surroundings.

    :ivar agent: the agent; `start` sets it going
    """

    def __init__(
        self,
        kind: type[BaseAgent],
        server: StompServer,
        monitor: MonitorServer,
        folder: Path,
        program: str = PROGRAM,
    ) -> None:
        self.server = server
        self.monitor = monitor
        self.state_file = folder / "state"
        self.agent = kind(
            AgentSettings(
                program=program,
                namespace=NAMESPACE,
                user="jane",
                broker=server.broker,
                monitor_url=monitor.url,
                monitor_token="token-of-agents",
                state_file=self.state_file,
                heartbeat_interval=INTERVAL_S,
                data_folder=folder,
            )
        )
        self._thread = threading.Thread(target=self.agent.run, daemon=True)

    @property
    def state(self) -> str:
        """What the state file says."""
        return self.state_file.read_text().split()[0]

    def start(self) -> None:
        """Set the agent going."""
        self._thread.start()

    def ready(self) -> None:
        """Set the agent going, and wait until it is READY."""
        self.start()
        self.monitor.wait_for_beat(operational_state="READY")

    def stop(self) -> None:
        """End the agent, and wait until it has ended."""
        self.agent.stop()
        self.join()

    def join(self) -> None:
        """Wait until the agent has ended."""
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive()

    def deliver(self, content: dict[str, Any] | str, number: int = 1, **headers: str) -> None:
        """Let the broker deliver a message."""
        body = content if isinstance(content, str) else json.dumps(content)
        self.server.deliver(body, ack=f"ack-{number}", **headers)

    def sent(self, destination: str = EPICTOPIC) -> list[dict[str, Any]]:
        """What has been sent to a destination."""
        return [
            json.loads(frame.body)
            for frame in self.server.of("SEND")
            if frame.destination == destination
        ]

    def acknowledged(self, count: int = 1) -> list[str]:
        """The ids of so many acknowledgements, once they have come."""
        return [frame.headers["id"] for frame in self.server.wait_for("ACK", count)]

    def refused(self, count: int = 1) -> list[str]:
        """The ids of so many refusals, once they have come."""
        return [frame.headers["id"] for frame in self.server.wait_for("NACK", count)]

    def order_of(self, *commands: str) -> list[str]:
        """In which order frames of these kinds have come."""
        return [frame.command for frame in self.server.frames if frame.command in commands]

    def wait_sent(self, msg_type: str, destination: str = EPICTOPIC) -> dict[str, Any]:
        """The first message of a type that is sent to a destination."""

        def find() -> list[dict[str, Any]]:
            return [one for one in self.sent(destination) if one["msg_type"] == msg_type]

        self.server.wait(find, f"{msg_type} to {destination}")
        return find()[0]


class Echo(BaseAgent):
    """Answers each `stf_gen`; refuses those whose detector is broken."""

    agent_type = "Echo"
    handled: ClassVar[list[Any]] = []
    gate = threading.Event()

    @handles("stf_gen")
    def echo(self, message: StfGen) -> None:
        self.gate.wait(PATIENCE_S)
        self.handled.append(message)
        if message.field("detector") == "broken":
            raise ValueError("the detector is broken")
        if message.field("detector") == "exits":
            sys.exit(3)
        self.publish(EPICTOPIC, Message(msg_type="echo", run_id=message.run_id))
        self.reply("done", count=1)

    @handles("many", batch=3)
    def take_many(self, messages: list[Message]) -> None:
        self.gate.wait(PATIENCE_S)
        self.handled.append([message.field("number") for message in messages])
        if any(message.field("detector") == "broken" for message in messages):
            raise ValueError("the detector is broken")
        for message in messages:
            with self.answering(message):
                self.publish(EPICTOPIC, Message(msg_type="one-of-many"))
