"""Messages that waited for an agent while it was away, and must not be handled any more
(docs/decisions/0027-queues-of-absent-programs.md).

A program's queue keeps messages while the program is stopped. An agent that comes back handles
them, but not those of executions in which it had no part, nor those of executions that ended long
ago: the files are gone, and no result is expected.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from agents.runtime.recent import Recent
from agents.runtime.settings import AgentSettings
from swf_common.broker.model import Delivery
from swf_common.configuration.participants import participants, takes_part
from swf_common.protocol.destinations import RETRIED
from swf_common.protocol.json_values import as_object
from swf_common.protocol.message import Message, utc_now
from swf_common.protocol.states import ExecutionStatus
from swf_common.service.monitor_client import MonitorClient, MonitorRefused, MonitorUnavailable

log = logging.getLogger(__name__)

CONSUMER_QUEUE = "/queue/Consumer."
RETRY_AFTER_S = 10.0
"""Seconds for which a monitor that did not answer is not asked again: the backlog goes on."""


class Backlog:
    """Judges messages that were sent before this agent started; later ones are always its own.

    :param agent: the agent's key in the configuration
    """

    def __init__(self, monitor: MonitorClient, agent: str, settings: AgentSettings) -> None:
        self.dropped = 0
        self._monitor = monitor
        self._agent = agent
        self._program = settings.program
        self._days = settings.queue_retention_days
        self._started = utc_now()
        self._ask_from = 0.0
        self._known: Recent[str, str] = Recent()

    def is_stale(self, message: Message, delivery: Delivery) -> bool:
        """Whether a message is to be acknowledged and dropped; counted when it is.

        What is not known counts as not stale: also while the monitor does not answer.
        """
        if message.execution_id is None or message.timestamp >= self._started:
            return False
        headers = delivery.headers
        if RETRIED in headers or not headers.get("destination", "").startswith(CONSUMER_QUEUE):
            return False
        stale = bool(self._reason(message.execution_id))
        self.dropped += stale
        return stale

    def _reason(self, execution_id: str) -> str:
        """Why messages of an execution are stale; empty when they are not."""
        known = self._known.get(execution_id)
        if known is not None:
            return known
        if time.monotonic() < self._ask_from:
            return ""
        try:
            path = f"workflow-executions/{quote(execution_id, safe='')}/"
            record = as_object(self._monitor.once("GET", path))
        except MonitorUnavailable as error:
            log.debug("%s is not known: %s", execution_id, error)
            self._ask_from = time.monotonic() + RETRY_AFTER_S
            return ""
        except MonitorRefused as error:
            log.debug("%s is not known: %s", execution_id, error)
            record = {}
        reason = why_stale(record, self._agent, self._program, self._days)
        if reason:
            log.warning("messages of %s are dropped: %s", execution_id, reason)
        return self._known.keep(execution_id, reason)


def why_stale(record: Mapping[str, Any], agent: str, program: str, days: float) -> str:
    """Why an agent that comes back has nothing to do for an execution any more; empty when it
    has, or when that is not certain.

    :param record: the execution, as REST gives it
    :param days: days after its end for which its messages are handled; 0: for ever
    """
    if record.get("status") not in [status for status in ExecutionStatus if status.final]:
        return ""
    if ended_before(record.get("end_time"), days):
        return f"it ended more than {days:g} days ago"
    found = participants(record.get("parameter_values"))
    if takes_part(found, agent, program) or any(one.enabled and not one.program for one in found):
        return ""  # one without its program may mean this agent by a key of its own
    return "it ended, and had been started without this agent"


def ended_before(end_time: Any, days: float) -> bool:
    """Whether an execution, by its end as REST gives it, ended more than so many days ago; 0 days:
    never.
    """
    if days <= 0:
        return False
    try:
        return datetime.fromisoformat(str(end_time)) < utc_now() - timedelta(days=days)
    except (ValueError, TypeError):  # it has not ended
        return False
