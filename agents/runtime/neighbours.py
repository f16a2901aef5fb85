"""Completes messages that lack fields, as the predecessor's do, or logs once what is missing."""

from __future__ import annotations

import logging

from agents.runtime.recent import Recent
from swf_common.protocol.message import Message, RunMessage
from swf_common.service.monitor_client import MonitorClient

log = logging.getLogger(__name__)


class Neighbours:
    """Safe to use from several threads: the worst is a question or a note too many."""

    def __init__(self, monitor: MonitorClient) -> None:
        self._monitor = monitor
        self._executions: Recent[str, str] = Recent()
        self._noted: Recent[tuple[str, str], bool] = Recent()

    def complete(self, message: Message) -> bool:
        """Find the execution of a message that names only its run; whether there is one.

        :raises MonitorRefused: as `MonitorClient.call`
        :raises Stopped: as `MonitorClient.call`
        """
        if not isinstance(message, RunMessage) or message.execution_id:
            return True
        message.execution_id = self._execution_of(message.run_id)
        if not message.execution_id:
            self.note(message.run_id, f"{message.msg_type} names no execution, and none is known")
        return bool(message.execution_id)

    def note(self, run_id: object, text: str) -> None:
        """Log something that is true of many messages of a run, once."""
        key = str(run_id), text
        if not self._noted.get(key):
            self._noted.keep(key, True)
            log.info("run %s: %s (said once)", *key)

    def _execution_of(self, run_id: str) -> str:
        known = self._executions.get(run_id)
        if known is not None:
            return known
        rows = self._monitor.call("GET", "workflow-executions/", run_number=run_id)
        return self._executions.keep(run_id, str(rows[0]["execution_id"])) if rows else ""
