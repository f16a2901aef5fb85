"""A tiny STOMP server in this process; a test decides how it behaves."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from swf_common.broker.model import Broker

PATIENCE_S = 5.0
"""Seconds that a test waits for something before it fails."""
OWN_HEADERS = ("execution_id", "msg_type")
"""Headers that are not STOMP's own: their names hold an underscore."""


@dataclass(frozen=True)
class Frame:
    """A frame as it came, and over which connection (from 1)."""

    command: str
    headers: dict[str, str]
    body: str
    connection: int

    @property
    def destination(self) -> str:
        return self.headers.get("destination", "")


class StompServer:
    """Answers CONNECTED and RECEIPT, and keeps every frame.

    :ivar password: what a login has to bring; another one is refused as ActiveMQ refuses it
    :ivar silent: commands that are not answered (`STOMP` is the login)
    :ivar refused: destinations to which a frame is answered with an ERROR
    :ivar heart_beat: what it says of its heart-beats, of which it sends none
    :ivar reading: cleared, nothing more is read, as of a broker that holds producers back
    """

    def __init__(self) -> None:
        self.password = "secret"
        self.heart_beat = "0,0"
        self.silent: set[str] = set()
        self.refused: set[str] = set()
        self.reading = threading.Event()
        self.reading.set()
        self.frames: list[Frame] = []
        self._before_next = b""
        self._changed = threading.Condition()
        self._sockets: dict[int, socket.socket] = {}
        self._numbers = itertools.count(1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [self._start(self._accept)]

    @property
    def broker(self) -> Broker:
        """Where the server is, with the right password."""
        return Broker("127.0.0.1", self._listener.getsockname()[1], "agent", "secret")

    def of(self, command: str, connection: int | None = None) -> list[Frame]:
        """The frames of one kind that have come, in their order."""
        return [
            frame
            for frame in self.frames
            if frame.command == command and connection in (None, frame.connection)
        ]

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is true of what has come."""
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE_S):
                raise AssertionError(f"{what}: not within {PATIENCE_S:.0f} s")

    def wait_for(self, command: str, count: int = 1, connection: int | None = None) -> list[Frame]:
        """The frames of one kind, once there are so many."""
        self.wait(lambda: len(self.of(command, connection)) >= count, f"{count} {command} frames")
        return self.of(command, connection)

    def confirm(self, frame: Frame) -> None:
        """Answer a frame with its RECEIPT."""
        self._send(frame.connection, "RECEIPT", {"receipt-id": frame.headers["receipt"]})

    def deliver(self, body: str, *, ack: str = "ack-1", **headers: str) -> None:
        """Send a MESSAGE over the newest connection that has subscribed."""
        named = {
            name if name in OWN_HEADERS else name.replace("_", "-"): text
            for name, text in headers.items()
        }
        usual = {"subscription": "0", "message-id": f"id-{ack}", "ack": ack}
        subscribed = {frame.connection for frame in self.of("SUBSCRIBE")} & set(self._sockets)
        self._send(max(subscribed), "MESSAGE", {**usual, **named}, body)

    def heart_beats(self, count: int) -> None:
        """Put heart-beats in front of the next frame that is sent: both are read at once."""
        self._before_next = b"\n" * count

    def complain(self, reason: str, receipt: str | None = None) -> None:
        """Send an ERROR over the newest connection, to the frame that asked for a receipt or to
        none.
        """
        belongs = {} if receipt is None else {"receipt-id": receipt}
        self._send(max(self._sockets), "ERROR", {"message": reason, **belongs})

    def drop(self, *numbers: int) -> None:
        """Cut these connections, or every one as a broker that is killed does."""
        for number in numbers or list(self._sockets):
            self._cut(number)

    def stop(self) -> None:
        """Cut every connection and take no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reading.set()
        self.drop()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _start(self, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        return thread

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                number = next(self._numbers)
                self._sockets[number] = connection
                self._threads.append(self._start(lambda number=number: self._serve(number)))  # type: ignore[misc]

    def _serve(self, number: int) -> None:
        with contextlib.suppress(OSError, KeyError):  # it may be cut before it is served
            for frame in _read_frames(self._sockets[number], number):
                with self._changed:
                    self.frames.append(frame)
                    self._changed.notify_all()
                self._answer(frame)
                self.reading.wait()
        self._cut(number)

    def _answer(self, frame: Frame) -> None:
        if frame.command in self.silent:
            return
        if frame.command == "STOMP":
            if frame.headers["passcode"] == self.password:
                facts = {"version": "1.2", "heart-beat": self.heart_beat}
                self._send(frame.connection, "CONNECTED", facts)
                return
            reason = f"User name [{frame.headers['login']}] or password is invalid."
            self._send(frame.connection, "ERROR", {"message": reason})
            self._cut(frame.connection)
        elif frame.destination in self.refused:
            receipt = {"receipt-id": frame.headers["receipt"]} if "receipt" in frame.headers else {}
            reason = f"User agent is not authorized to write to {frame.destination}"
            self._send(frame.connection, "ERROR", {"message": reason, **receipt})
        elif "receipt" in frame.headers:
            self.confirm(frame)

    def _send(self, number: int, command: str, headers: dict[str, str], body: str = "") -> None:
        lines = [command, *(f"{name}:{_escaped(text)}" for name, text in headers.items()), "", body]
        with contextlib.suppress(OSError, KeyError):
            frame = self._before_next + "\n".join(lines).encode() + b"\0"
            self._before_next = b""
            self._sockets[number].sendall(frame)

    def _cut(self, number: int) -> None:
        connection = self._sockets.pop(number, None)
        if connection is None:
            return
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace(":", "\\c")


def _read_frames(connection: socket.socket, number: int) -> Iterator[Frame]:
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
        *whole, received = received.split(b"\0")
        for text in whole:
            head, _, body = text.decode().lstrip("\n").partition("\n\n")
            command, *lines = head.splitlines()
            headers = dict(line.split(":", 1) for line in lines)
            unescaped = {name: text.replace("\\c", ":") for name, text in headers.items()}
            yield Frame(command, unescaped, body, number)
