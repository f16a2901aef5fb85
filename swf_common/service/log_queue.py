"""Log records that are stored in the background: batched, and kept while the store is away."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

CAPACITY = 10_000
PERIOD_S = 1.0
NAME_LENGTH = 255
Row = dict[str, Any]
"""A record in the columns that the monitor stores."""


class QueueingHandler(logging.Handler, ABC):
    """Queues records and stores them; never blocks, drops the oldest beyond `CAPACITY`.

    :param thread: name of its thread, whose own records are left out
    :param instance: what writes the records
    """

    batch = 200
    """Records that are stored at once."""

    def __init__(self, thread: str, instance: str) -> None:
        super().__init__(logging.INFO)
        self.dropped = 0
        self._instance = instance
        self._rows: deque[Row] = deque()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._store_for_ever, name=thread, daemon=True)

    def row(self, record: logging.LogRecord) -> Row:
        """What is stored of a record."""
        return {
            "instance_name": self._instance,
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelno,
            "levelname": record.levelname,
            "message": self.format(record),
            "module": record.module[:NAME_LENGTH],
            "funcname": (record.funcName or "<module>")[:NAME_LENGTH],
            "lineno": record.lineno,
            "process": record.process or 0,
            "thread": record.thread or 0,
            "extra_data": {"logger": record.name},
        }

    @abstractmethod
    def store(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Store some rows; returns those that have to wait because the store is away."""

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Store the remaining records, for at most `timeout` seconds."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record."""
        if threading.current_thread() is self._thread:
            return
        try:
            row = self.row(record)
        except Exception:
            self.handleError(record)
            return
        if len(self._rows) >= CAPACITY:
            self._rows.popleft()
            self.dropped += 1
        self._rows.append(row)
        if len(self._rows) >= self.batch:
            self._wake.set()

    def _store_for_ever(self) -> None:
        while not self._stopped.is_set() or self._rows:
            if len(self._rows) < self.batch:
                self._wake.wait(PERIOD_S)
            self._wake.clear()
            rows = [self._rows.popleft() for _ in range(min(self.batch, len(self._rows)))]
            waiting = self.store(rows) if rows else ()
            if waiting:
                self._rows.extendleft(reversed(waiting))
                if self._stopped.is_set():
                    return
                self._stopped.wait(PERIOD_S)
