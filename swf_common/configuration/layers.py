"""Laying tables over each other, key by key, keeping where each value came from."""

from __future__ import annotations

from typing import Any

from swf_common.configuration.documents import Table

Path = tuple[str, ...]


class Layers:
    """Nested tables with an origin for each value; a later layer wins key by key."""

    def __init__(self) -> None:
        self.values: Table = {}
        self.origins: dict[Path, str] = {}

    def lay(self, tables: Table, origin: str, at: Path = ()) -> None:
        """Put `tables` over what is there, below the section path `at`."""
        for key, value in tables.items():
            path = (*at, key)
            if isinstance(value, dict):
                self._table(path)
                self.lay(value, origin, path)
            else:
                self.put(path, value, origin)

    def put(self, path: Path, value: Any, origin: str) -> None:
        """Set one value."""
        self._table(path[:-1])[path[-1]] = value
        self.origins[path] = origin

    def section(self, *path: str) -> Table:
        """The table at `path`; empty when there is none."""
        table: Any = self.values
        for key in path:
            table = table.get(key, {}) if isinstance(table, dict) else {}
        return table if isinstance(table, dict) else {}

    def _table(self, path: Path) -> Table:
        table = self.values
        for key in path:
            below = table.get(key)
            if not isinstance(below, dict):
                below = table[key] = {}
            table = below
        return table
