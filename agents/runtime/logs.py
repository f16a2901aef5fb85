"""Log records on their way to the monitor."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from swf_common.service.log_queue import QueueingHandler, Row
from swf_common.service.monitor_client import MonitorClient, MonitorRefused, MonitorUnavailable


class LogShipper(QueueingHandler):
    """Posts records to the monitor; those of requests to it are left out.

    :param context: gives the fields of the moment: program, namespace, execution_id, run_id
    """

    def __init__(
        self, monitor: MonitorClient, instance: str, context: Callable[[], dict[str, Any]]
    ) -> None:
        super().__init__("log-shipper", instance)
        self.addFilter(lambda record: not record.name.startswith("urllib3"))
        self._monitor = monitor
        self._context = context

    def row(self, record: logging.LogRecord) -> Row:
        row = super().row(record)
        refused = getattr(record, "refused", None)  # what refusals.py says of a message
        facts = {**self._context(), "refused": refused, **row["extra_data"]}
        extra = {key: value for key, value in facts.items() if value is not None}
        return {**row, "app_name": facts["program"], "extra_data": extra}

    def store(self, rows: Sequence[Row]) -> Sequence[Row]:
        try:
            self._monitor.once("POST", "logs/", rows)
        except MonitorUnavailable:
            return rows
        except MonitorRefused:
            return self._post_singly(rows)
        return ()

    def _post_singly(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Of a list that was refused, keep what is good."""
        for place, row in enumerate(rows):
            try:
                self._monitor.once("POST", "logs/", row)
            except MonitorRefused:
                self.dropped += 1
            except MonitorUnavailable:
                return rows[place:]
        return ()
