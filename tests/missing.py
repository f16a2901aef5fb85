"""What becomes of a test when the machine lacks something that it needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test; in CI, where nothing is skipped, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (in CI the tests that need it have to run)", pytrace=False)
    pytest.skip(reason)
