"""Django as the monitor sets it up."""

from __future__ import annotations

from tests.unit.monitor import conftest as monitor

assert monitor  # importing it sets Django up
