"""Fixtures of the acceptance layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.rest import Api

if TYPE_CHECKING:
    from testbed.integration import TestbedStack


@pytest.fixture(scope="package")
def stack() -> Iterator[TestbedStack]:
    """A running testbed with the agents of testbed.toml."""
    from tests.stacks import running

    with running() as stack:
        yield stack


@pytest.fixture
def viewer(stack: TestbedStack) -> Api:
    return Api(stack, "viewer")
