"""The broker image as a container with the restrictions of compose.yaml, and its clients."""

from __future__ import annotations

import contextlib
import os
import queue
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stomp

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # read when testcontainers is imported

from testcontainers.core.container import DockerContainer

Connect = Callable[[str], "Client"]

LOGINS = ("agent", "monitor", "supervisor", "operator")
PORT = 61613
HEALTHCHECK = "/opt/testbed/activemq/healthcheck.sh"
DATA = "/var/lib/activemq"
LIMIT = 10.0  # seconds that a condition may take unless a test knows better
STANDARD = {"reply_to": "reply-to", "correlation_id": "correlation-id"}  # STOMP's own headers
NOTHING: Mapping[str, str] = {}
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


def described(
    image: str, folder: Path, passwords: dict[str, str], environment: Mapping[str, str]
) -> DockerContainer:
    """The container as compose.yaml describes it."""
    container = DockerContainer(image).with_exposed_ports(PORT)
    container.env.update(environment)
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
def running(
    image: str, folder: Path, passwords: dict[str, str], environment: Mapping[str, str] = NOTHING
) -> Iterator[Broker]:
    container = described(image, folder, passwords, environment)
    with container as started:  # removed with its volume at the end
        yield Broker(started.get_wrapped_container(), passwords)
