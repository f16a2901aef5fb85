"""A stomp.py connection that does not lose the frame behind several heart-beats.

A heart-beat is one end-of-line between frames. Where stomp.py 9.0 reads two of them at once, as
after a pause of this process, it takes them for the blank line behind a frame's headers, and drops
the frame that follows: a RECEIPT that never comes, or a MESSAGE that is never handled.
"""

from __future__ import annotations

from typing import Any

import stomp
from stomp.connect import BaseConnection
from stomp.protocol import Protocol12
from stomp.transport import Transport

HEART_BEAT = b"\n"


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
    """A STOMP 1.2 connection with that transport.

    :param options: as those of `stomp.transport.Transport`
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        heartbeats: tuple[int, int],
        heart_beat_receive_scale: float,
        **options: Any,
    ) -> None:
        transport = HeartBeatTransport([address], **options)
        BaseConnection.__init__(self, transport)
        Protocol12.__init__(
            self,
            transport,
            heartbeats,
            auto_content_length=False,
            heart_beat_receive_scale=heart_beat_receive_scale,
        )
