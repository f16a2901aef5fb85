"""A link to the STOMP server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.stomp_server import StompServer
from tests.unit.swf_common.broker.client import Client


@pytest.fixture
def client(server: StompServer) -> Iterator[Client]:
    made = Client(server.broker)
    yield made
    made.link.stop()
