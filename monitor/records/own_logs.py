"""The monitor's own log records on their way to `AppLog`: through a queue, in the background."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import sys
import threading
from collections import deque
from datetime import UTC, datetime

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection

from monitor.records.models import AppLog
from monitor.records.redaction import RedactingFormatter

CAPACITY = 10_000
BATCH = 500
PERIOD_S = 1.0
APP_NAME = "swf-monitor"
MESSAGE_LENGTH = 100_000


class DatabaseLogHandler(logging.Handler):
    """Queues records and stores them; never blocks, drops the oldest beyond `CAPACITY`.

    Records are kept while the database is away. How many were dropped goes to stderr.

    :param service: what writes: monitor or recorder
    """

    def __init__(self, service: str) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(RedactingFormatter())
        self.dropped = 0
        self._instance = f"{service}-{socket.gethostname()[:12]}"
        self._records: deque[AppLog] = deque()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._store_for_ever, name="own-logs", daemon=True)

    def start(self) -> None:
        """Begin to store what the root logger gets."""
        logging.getLogger().addHandler(self)
        self._thread.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Store what is left, if that goes at once."""
        logging.getLogger().removeHandler(self)
        self._stopped.set()
        self._wake.set()
        self._thread.join(3)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record; what this handler's own thread says stays out."""
        if threading.current_thread() is self._thread:
            return
        try:
            row = self._row(record)
        except Exception:
            self.handleError(record)
            return
        if len(self._records) >= CAPACITY:
            self._records.popleft()
            self.dropped += 1
        self._records.append(row)
        if len(self._records) >= BATCH:
            self._wake.set()

    def _row(self, record: logging.LogRecord) -> AppLog:
        text = self.format(record).replace("\x00", "\N{REPLACEMENT CHARACTER}")
        return AppLog(
            app_name=APP_NAME,
            instance_name=self._instance,
            timestamp=datetime.fromtimestamp(record.created, UTC),
            level=record.levelno,
            levelname=record.levelname,
            message=text.encode("utf-8", "replace").decode()[:MESSAGE_LENGTH],
            module=record.module[:255],
            funcname=(record.funcName or "<module>")[:255],
            lineno=record.lineno,
            process=record.process or os.getpid(),
            thread=record.thread or 0,
            extra_data={"logger": record.name},
            namespace=settings.TESTBED_NAMESPACE or None,
            execution_id=getattr(record, "execution_id", None),
            run_id=getattr(record, "run_id", None),
        )

    def _store_for_ever(self) -> None:
        told = 0
        while not self._stopped.is_set() or self._records:
            if len(self._records) < BATCH:
                self._wake.wait(PERIOD_S)
            self._wake.clear()
            batch = [self._records.popleft() for _ in range(min(BATCH, len(self._records)))]
            if not batch:
                continue
            try:
                AppLog.objects.bulk_create(batch)
            except (OperationalError, InterfaceError):
                connection.close()
                self._records.extendleft(reversed(batch))
                if self._stopped.is_set():
                    return
                self._stopped.wait(PERIOD_S)
            except Error as error:  # what the database refuses it will refuse again
                print(f"{len(batch)} log records are refused: {error}", file=sys.stderr)
                self.dropped += len(batch)
            if self.dropped > told:
                print(f"{self.dropped - told} log records were dropped", file=sys.stderr)
                told = self.dropped
