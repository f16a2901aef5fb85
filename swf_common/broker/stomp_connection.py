"""The connection of stomp.py, which must not lose the frame behind several heart-beats.

A heart-beat is one end-of-line between frames. Where stomp.py 9.0 reads two of them at once, as
after a pause of this process, it takes them for the blank line behind a frame's headers, and drops
the frame that follows: a RECEIPT that never comes, or a MESSAGE that is never handled.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import stomp
from stomp.connect import BaseConnection
from stomp.exception import StompException
from stomp.protocol import Protocol12
from stomp.transport import Transport

HEART_BEAT = b"\n"
HEART_BEAT_MS = 5_000
RECEIVE_SCALE = 3.0
"""Heart-beats of the broker that may be missing: ActiveMQ leaves one out after it sent a frame, so
nearly two intervals may pass without a word on a healthy connection."""
CONNECT_TIMEOUT_S = 10.0
BROKEN = (StompException, OSError, AttributeError)
"""What stomp.py raises on a broken connection; AttributeError: its socket is gone meanwhile."""


class HeartBeatTransport(Transport):  # type: ignore[misc]
    """Gives stomp.py at most one end-of-line between two frames."""

    _inside_frame = False

    def receive(self) -> Any:
        """The next bytes of the connection, or a heart-beat."""
        received: bytes | None = super().receive()
        if not received:
            return received
        if not self._inside_frame and not self._BaseTransport__recvbuf:
            received = received.lstrip(b"\r\n")
            if not received:
                return HEART_BEAT
        # stomp.py keeps what it was given until there is the end of a frame in it
        self._inside_frame = b"\0" not in received
        return received


class Connection(stomp.Connection12):  # type: ignore[misc]
    """A STOMP 1.2 connection with that transport; it never reconnects by itself."""

    def __init__(self, host: str, port: int) -> None:
        transport = HeartBeatTransport(
            [(host, port)],
            reconnect_attempts_max=1,
            timeout=CONNECT_TIMEOUT_S,
            try_loopback_connect=False,
        )
        BaseConnection.__init__(self, transport)
        Protocol12.__init__(
            self,
            transport,
            (HEART_BEAT_MS, HEART_BEAT_MS),
            auto_content_length=False,
            heart_beat_receive_scale=RECEIVE_SCALE,
        )

    def limit_sends(self, timeout: float) -> None:
        """Let a send fail that makes no progress for `timeout` seconds.

        Raises one of `BROKEN` when the connection is lost.
        """
        seconds, rest = divmod(timeout, 1)
        limit = struct.pack("ll", int(seconds), int(rest * 1e6))
        self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def close_socket(self) -> None:
        """Close the socket, also when the login was never answered: it would come alive later."""
        with suppress(*BROKEN):  # the receiver may close it at the same moment
            self.transport.disconnect_socket()


class Listener(stomp.ConnectionListener):  # type: ignore[misc]
    """Translates stomp.py's callbacks, which come on its receiver thread.

    :param confirmed: called with the id of a RECEIPT, or "connect"; like the others it must not
        raise, since that would end the receiver
    :param refused: called with the receipt id, if there is one, and the reason
    :param arrived: called with headers and body of a message
    :param lost: called when the connection is lost
    """

    def __init__(
        self,
        confirmed: Callable[[str], None],
        refused: Callable[[str | None, str], None],
        arrived: Callable[[Mapping[str, str], str], None],
        lost: Callable[[], None],
    ) -> None:
        self._confirmed = confirmed
        self._refused = refused
        self._arrived = arrived
        self._lost = lost

    def on_connected(self, _frame: Any) -> None:
        self._confirmed("connect")

    def on_receipt(self, frame: Any) -> None:
        self._confirmed(frame.headers["receipt-id"])

    def on_error(self, frame: Any) -> None:
        reason = frame.headers.get("message") or frame.body or "error without a message"
        first_line = (reason.strip().splitlines() or ["error without a message"])[0]
        self._refused(frame.headers.get("receipt-id"), first_line)

    def on_message(self, frame: Any) -> None:
        self._arrived(dict(frame.headers), frame.body)

    def on_disconnected(self) -> None:
        self._lost()

    def on_heartbeat_timeout(self) -> None:
        self._lost()
