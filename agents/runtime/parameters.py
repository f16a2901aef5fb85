"""What an execution was started with: every process of it sees the same."""

from __future__ import annotations

from typing import Any

from swf_common.configuration.model import flat_parameters
from swf_common.configuration.participants import participants, sections, takes_part
from swf_common.service.monitor_client import MonitorClient


class ExecutionParameters:
    """What executions were started with, as the monitor keeps it; the last one is kept here."""

    def __init__(self, monitor: MonitorClient) -> None:
        self._monitor = monitor
        self._known: tuple[str, dict[str, dict[str, Any]]] | None = None

    def of(self, execution_id: str) -> dict[str, Any]:
        """The parameters of an execution as one flat table.

        :raises MonitorRefused: there is no such execution
        """
        return flat_parameters(self._resolved(execution_id))

    def enable(self, execution_id: str, agent: str, program: str) -> bool:
        """Whether an agent takes part in an execution; it does when the execution names no agents.

        :param agent: the agent's key in the configuration
        :param program: its Compose service, by which a section of another name may mean it
        :raises MonitorRefused: there is no such execution
        """
        return takes_part(participants(self._resolved(execution_id)), agent, program)

    def _resolved(self, execution_id: str) -> dict[str, dict[str, Any]]:
        if self._known is None or self._known[0] != execution_id:
            record = self._monitor.call("GET", f"workflow-executions/{execution_id}/")
            self._known = execution_id, sections(record["parameter_values"])
        return self._known[1]
