"""The records of an execution at the monitor."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from swf_common.protocol.message import utc_now
from swf_common.protocol.states import ExecutionStatus
from swf_common.service.monitor_client import MonitorClient, MonitorRefused

log = logging.getLogger(__name__)


class AlreadyTaken(Exception):
    """An execution for this very command exists: the command was delivered a second time."""


class ExecutionRecords:
    """Creates and closes the records of executions.

    :param owner: who runs them: the fields `runner_instance`, `container_id` and `executed_by`
    """

    def __init__(self, monitor: MonitorClient, namespace: str, owner: dict[str, Any]) -> None:
        self._monitor = monitor
        self._namespace = namespace
        self._owner = owner

    def next_run_id(self) -> str:
        """The number of a new run, as messages carry it."""
        return str(self._monitor.call("POST", "state/next-run-number/")["run_number"])

    def definition(self, name: str, version: str, source: str) -> int:
        """The key of the definition of a workflow; a changed source is a version of its own.

        Definitions are immutable: `1.0` whose source differs from what is recorded as `1.0`
        becomes `1.0+<first digits of its sha256>`.
        """
        known = self._find_definition(name, version)
        if known is not None and known["definition"] != source:
            version = f"{version}+{hashlib.sha256(source.encode()).hexdigest()[:8]}"
            known = self._find_definition(name, version)
        if known is None:
            known = self._monitor.call(
                "POST",
                "workflow-definitions/",
                {
                    "workflow_name": name,
                    "version": version,
                    "workflow_type": "simulation",
                    "definition": source,
                    "parameter_values": {"source": {"script_path": f"workflows/{name}.py"}},
                    "created_by": self._owner["executed_by"],
                },
            )
        return int(known["id"])

    def open(
        self, name: str, definition: int, run_id: str, command_id: str, resolved: dict[str, Any]
    ) -> str:
        """Record a new execution as running; its id.

        :raises AlreadyTaken: `command_id` has an execution already
        """
        user = self._owner["executed_by"]
        self._monitor.call("POST", "namespaces/ensure/", {"name": self._namespace, "owner": user})
        answer = self._monitor.call(
            "POST", "state/next-workflow-execution-id/", {"workflow_name": name}
        )
        execution_id = f"{name}-{user}-{answer['sequence']:04d}"
        try:
            self._monitor.call(
                "POST",
                "workflow-executions/",
                {
                    "execution_id": execution_id,
                    "workflow_definition": definition,
                    "namespace": self._namespace,
                    "status": ExecutionStatus.RUNNING,
                    "start_time": utc_now().isoformat(),
                    "parameter_values": resolved,
                    "run_number": int(run_id),
                    "command_id": command_id,
                    **self._owner,
                },
            )
        except MonitorRefused as error:
            if error.status == 400 and "command_id" in error.text:
                raise AlreadyTaken(command_id) from error
            raise
        return execution_id

    def close(
        self,
        execution_id: str,
        status: ExecutionStatus,
        reason: str,
        metrics: dict[str, Any] | None = None,
    ) -> None:
        """Give an execution its final status, end time and reason."""
        body: dict[str, Any] = {
            "status": status,
            "end_time": utc_now().isoformat(),
            "reason": reason,
        }
        if metrics:
            body["performance_metrics"] = metrics
        self._monitor.call("PATCH", f"workflow-executions/{execution_id}/", body)

    def close_left_behind(self) -> None:
        """Close what an earlier runner of this namespace left running when it died."""
        left = self._monitor.call(
            "GET",
            "workflow-executions/",
            namespace=self._namespace,
            status=ExecutionStatus.RUNNING,
        )
        for row in left:
            log.warning("%s was left running by a runner that died", row["execution_id"])
            self.close(
                row["execution_id"],
                ExecutionStatus.FAILED,
                f"the workflow-runner died ({row['runner_instance']})",
            )

    def _find_definition(self, name: str, version: str) -> dict[str, Any] | None:
        rows = self._monitor.call(
            "GET", "workflow-definitions/", workflow_name=name, version=version
        )
        return rows[0] if rows else None
