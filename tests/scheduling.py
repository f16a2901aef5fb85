"""How pytest-xdist divides the layers with Docker among its processes."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

WHOLE = "tests/browser"
"""The layer whose stack, with all agents and a run that its tests look at, is too dear to start in
each process.
"""


class ByFile(LoadFileScheduling):
    """Gives each process a file, and the whole of one layer to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return WHOLE if nodeid.startswith(f"{WHOLE}/") else str(super()._split_scope(nodeid))
