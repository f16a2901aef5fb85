"""Fixtures of the integration layer: images, a broker alone, the stack's REST interface by role."""

from __future__ import annotations

import secrets
import subprocess
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from swf_common.broker.connection import BrokerLink
from tests.rest import Api, Sql

if TYPE_CHECKING:
    from testbed.integration import TestbedStack
    from tests.broker_container import Broker, Client, Connect


def _image(service: str) -> str:
    from pathlib import Path

    from swf_common.configuration import resolve
    from testbed.project import ROOT, Project
    from testbed.stack.session import Session

    configuration = resolve(
        Path(ROOT / "testbed.toml"), ROOT / "workflows", namespace="test-images"
    )
    session = Session(Project("test-images"), configuration)
    session.build()
    return session.services[service].image


@pytest.fixture(scope="session")
def activemq_image() -> str:
    """The broker's image, built if it is missing."""
    return _image("activemq")


@pytest.fixture(scope="session")
def postgres_image() -> str:
    """The database's image, built if it is missing."""
    return _image("postgres")


@pytest.fixture(scope="package")
def stack() -> Iterator[TestbedStack]:
    """A running testbed whose broker and database are reachable from the tests."""
    from tests.stacks import WITH_PORTS, running

    with running(files=WITH_PORTS) as stack:
        yield stack


@pytest.fixture(scope="package")
def agent(stack: TestbedStack) -> Api:
    return Api(stack, "agent")


@pytest.fixture(scope="package")
def operator(stack: TestbedStack) -> Api:
    return Api(stack, "operator")


@pytest.fixture(scope="package")
def viewer(stack: TestbedStack) -> Api:
    return Api(stack, "viewer")


@pytest.fixture(scope="package")
def nobody(stack: TestbedStack) -> Api:
    return Api(stack, None)


@pytest.fixture(scope="package")
def sender(stack: TestbedStack) -> Iterator[BrokerLink]:
    """A connection to the stack's broker with the agents' login."""
    from tests.broker import connected

    with connected(stack) as link:
        yield link


@pytest.fixture(scope="package")
def sql(stack: TestbedStack) -> Sql:
    """Runs statements as whoever has the database's password can; whether they went through,
    and what psql said.
    """
    container = stack.container_id("postgres")
    password = stack.session.project.secret("postgres_password")

    def run(statements: str) -> tuple[bool, str]:
        done = subprocess.run(
            [
                *("docker", "exec", "--interactive", "--env", f"PGPASSWORD={password}", container),
                *("psql", "-h", "127.0.0.1", "-U", "testbed", "-d", "testbed", "-At"),
                *("-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"),
            ],
            input=statements,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        return done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def passwords() -> dict[str, str]:
    from tests.broker_container import LOGINS

    return {login: secrets.token_urlsafe(24) for login in LOGINS}


@pytest.fixture(scope="module")
def broker(
    activemq_image: str, passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A running broker, without the rest of a testbed."""
    from tests.broker_container import running
    from tests.waiting import eventually

    with running(activemq_image, tmp_path_factory.mktemp("secrets"), passwords) as broker:
        eventually(broker.ready, "the broker's health check")
        yield broker


@pytest.fixture
def connect(broker: Broker) -> Iterator[Connect]:
    """Logs in to the broker."""
    from tests.broker_container import Client

    clients: list[Client] = []

    def connect(login: str) -> Client:
        clients.append(Client(broker.port(), login, broker.passwords[login]))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def namespace() -> str:
    """Fresh for each test, so that no test sees another one's queues."""
    return f"t{uuid.uuid4().hex[:8]}"
