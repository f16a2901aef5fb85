"""Where the broker is, what to consume there, and a message as it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Broker:
    """Where the broker is, and as whom to log in."""

    host: str
    port: int
    login: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Subscription:
    """What to consume, and how.

    :param prefetch: messages that the broker may send ahead of their acknowledgement
    :param ack: `client-individual`, or `client` where an ack covers all earlier messages
    :param transformation: the form of messages that are no text, such as `jms-map-json`
    :param browser: look at what waits in a queue, and take nothing
    """

    destination: str
    prefetch: int = 1
    selector: str | None = None
    ack: str = "client-individual"
    transformation: str | None = None
    browser: bool = False

    def headers(self, receipt: str) -> dict[str, str]:
        """The headers of the SUBSCRIBE frame."""
        headers = {"receipt": receipt, "activemq.prefetchSize": str(self.prefetch)}
        if self.selector:
            headers["selector"] = self.selector
        if self.transformation:
            headers["transformation"] = self.transformation
        if self.browser:
            headers["browser"] = "true"
        return headers


@dataclass(frozen=True)
class Delivery:
    """A message as it came, with what is needed to acknowledge it."""

    headers: Mapping[str, str]
    body: str
    connection: int
