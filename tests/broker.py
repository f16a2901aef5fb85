"""The broker of a stack as tests use it; compose.debug.yaml publishes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Broker, Subscription
from testbed.integration import TestbedStack


def broker_of(stack: TestbedStack, login: str = "agent") -> Broker:
    """Where a stack's broker is published, with one of its logins."""
    published = stack.session.containers.published_port("activemq", 61613)
    assert published is not None
    return Broker(*published, login, stack.session.project.secret(f"mq_{login}"))


@contextmanager
def connected(
    stack: TestbedStack, name: str = "test", *subscriptions: Subscription
) -> Iterator[BrokerLink]:
    """A connection with the agents' login."""
    link = BrokerLink(broker_of(stack), name, subscriptions)
    link.start()
    try:
        assert link.wait_connected(20), link.last_error
        yield link
    finally:
        link.stop()
