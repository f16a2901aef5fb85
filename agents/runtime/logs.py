"""Log records on their way to the monitor: batched, in the background, kept while it is away."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from swf_common.service.monitor_client import MonitorClient, MonitorRefused, MonitorUnavailable

CAPACITY = 10_000
BATCH = 200
PERIOD_S = 1.0


class LogShipper(logging.Handler):
    """Queues records and posts them; never blocks, drops the oldest beyond `CAPACITY`.

    :param context: gives the fields of the moment: program, namespace, execution_id, run_id
    """

    def __init__(
        self, monitor: MonitorClient, instance: str, context: Callable[[], dict[str, Any]]
    ) -> None:
        super().__init__(logging.INFO)
        self.dropped = 0
        self._monitor = monitor
        self._instance = instance
        self._context = context
        self._records: deque[dict[str, Any]] = deque()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ship, name="log-shipper", daemon=True)

    def start(self) -> None:
        """Begin to post."""
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record; those of this handler's own requests are left out."""
        if threading.current_thread() is self._thread or record.name.startswith("urllib3"):
            return
        try:
            message = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if len(self._records) >= CAPACITY:
            self._records.popleft()
            self.dropped += 1
        context = self._context()
        extra = {key: value for key, value in context.items() if value is not None}
        self._records.append(
            {
                "app_name": context["program"],
                "instance_name": self._instance,
                "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
                "level": record.levelno,
                "levelname": record.levelname,
                "message": message,
                "module": record.module,
                "funcname": record.funcName or "<module>",
                "lineno": record.lineno,
                "process": record.process or 0,
                "thread": record.thread or 0,
                "extra_data": {**extra, **_facts(record), "logger": record.name},
            }
        )
        if len(self._records) >= BATCH:
            self._wake.set()

    def stop(self, timeout: float) -> None:
        """Post the remaining records, for at most `timeout` seconds."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout)

    def _ship(self) -> None:
        while not self._stopped.is_set() or self._records:
            if len(self._records) < BATCH:
                self._wake.wait(PERIOD_S)
            self._wake.clear()
            batch = [self._records.popleft() for _ in range(min(BATCH, len(self._records)))]
            if not batch:
                continue
            try:
                self._monitor.once("POST", "logs/", batch)
            except MonitorUnavailable:
                self._records.extendleft(reversed(batch))
                if self._stopped.is_set():
                    return
                self._stopped.wait(PERIOD_S)
            except MonitorRefused:
                self._post_singly(batch)

    def _post_singly(self, batch: list[dict[str, Any]]) -> None:
        """Of a list that was refused, keep what is good."""
        for place, record in enumerate(batch):
            try:
                self._monitor.once("POST", "logs/", record)
            except MonitorRefused:
                self.dropped += 1
            except MonitorUnavailable:
                self._records.extendleft(reversed(batch[place:]))
                return


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    """What a record says in fields beside its text: of a message that is refused (refusals.py)."""
    refused = getattr(record, "refused", None)
    return {} if refused is None else {"refused": refused}
