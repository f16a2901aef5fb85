"""Fixtures of the acceptance layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rest import Api

if TYPE_CHECKING:
    from testbed.integration import TestbedStack


@pytest.fixture
def viewer(stack: TestbedStack) -> Api:
    return Api(stack, "viewer")
