"""What an execution was started with: every process of it sees the same."""

from __future__ import annotations

from typing import Any

from agents.runtime.monitor import MonitorClient
from testbed.configuration.model import flat_parameters


class ExecutionParameters:
    """The parameters of executions, as the monitor keeps them; those of the last one are kept."""

    def __init__(self, monitor: MonitorClient) -> None:
        self._monitor = monitor
        self._known: tuple[str, dict[str, Any]] | None = None

    def of(self, execution_id: str) -> dict[str, Any]:
        """The parameters of an execution as one flat table.

        :raises MonitorRefused: there is no such execution
        """
        if self._known is None or self._known[0] != execution_id:
            record = self._monitor.call("GET", f"workflow-executions/{execution_id}/")
            self._known = execution_id, flat_parameters(record["parameter_values"])
        return self._known[1]
