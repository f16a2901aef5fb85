"""Where the evidence of a failed test goes."""

from __future__ import annotations

import re

import pytest


def evidence_name(item: pytest.Item) -> str:
    """The name of a test's folder below the stack's artifacts."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", item.nodeid)[-80:]
