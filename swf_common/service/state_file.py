"""The state file: what the container's health check reads, without an interpreter of its own."""

from __future__ import annotations

import time
from pathlib import Path

from swf_common.protocol.states import OperationalState


class StateFile:
    """One line: state, Unix time of writing, and after how many seconds it is out of date."""

    def __init__(self, path: Path, valid_s: float) -> None:
        self._path = path
        self._valid_s = valid_s

    def write(self, state: OperationalState) -> None:
        """Replace the file atomically."""
        fresh = self._path.with_suffix(".new")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(f"{state} {int(time.time())} {int(self._valid_s)}\n")
        fresh.replace(self._path)
