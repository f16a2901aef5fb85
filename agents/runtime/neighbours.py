"""Messages of programs that say less than ours, as the predecessor's: found out, or told once."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TypeVar

from agents.runtime.monitor import MonitorClient
from testbed.protocol.messages import Message, RunMessage

log = logging.getLogger(__name__)

Key = TypeVar("Key")
Value = TypeVar("Value")

REMEMBERED = 1000
"""Runs whose execution, and notes that are made, at the most."""


class Neighbours:
    """Safe to use from several threads: the worst is a question or a note too many."""

    def __init__(self, monitor: MonitorClient) -> None:
        self._monitor = monitor
        self._executions: OrderedDict[str, str] = OrderedDict()
        self._noted: OrderedDict[tuple[str, str], None] = OrderedDict()

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
        if key not in self._noted:
            _keep(self._noted, key, None)
            log.info("run %s: %s (said once)", *key)

    def _execution_of(self, run_id: str) -> str:
        if run_id not in self._executions:
            rows = self._monitor.call("GET", "workflow-executions/", run_number=run_id)
            if not rows:
                return ""
            _keep(self._executions, run_id, str(rows[0]["execution_id"]))
        return self._executions[run_id]


def _keep(kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    kept[key] = value
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
