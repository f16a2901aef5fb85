"""Fixtures of the integration layer: images, and the stack's REST interface by role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rest import Api

if TYPE_CHECKING:
    from testbed.integration import TestbedStack


def _image(service: str) -> str:
    from pathlib import Path

    from testbed.configuration import resolve
    from testbed.project import ROOT, Project
    from testbed.session import Session

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


@pytest.fixture(scope="session")
def agent(stack: TestbedStack) -> Api:
    return Api(stack, "agent")


@pytest.fixture(scope="session")
def operator(stack: TestbedStack) -> Api:
    return Api(stack, "operator")


@pytest.fixture(scope="session")
def viewer(stack: TestbedStack) -> Api:
    return Api(stack, "viewer")


@pytest.fixture(scope="session")
def nobody(stack: TestbedStack) -> Api:
    return Api(stack, None)
