"""The monitor's own log records on their way to `AppLog`."""

from __future__ import annotations

import atexit
import logging
import socket
import sys
from collections.abc import Sequence

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection

from monitor.access.redaction import RedactingFormatter
from monitor.records.models import AppLog
from swf_common.service.log_queue import QueueingHandler, Row

APP_NAME = "swf-monitor"
MESSAGE_LENGTH = 100_000
STOP_TIMEOUT_S = 3.0


class DatabaseLogHandler(QueueingHandler):
    """Stores what the root logger gets. How many records were dropped goes to stderr.

    :param service: what writes: monitor or recorder
    """

    batch = 500

    def __init__(self, service: str) -> None:
        super().__init__("own-logs", f"{service}-{socket.gethostname()[:12]}")
        self.setFormatter(RedactingFormatter())
        self._reported = 0

    def start(self) -> None:
        logging.getLogger().addHandler(self)
        super().start()
        atexit.register(self.stop)

    def stop(self, timeout: float = STOP_TIMEOUT_S) -> None:
        logging.getLogger().removeHandler(self)
        super().stop(timeout)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record).replace("\x00", "\N{REPLACEMENT CHARACTER}")
        return text.encode("utf-8", "replace").decode()[:MESSAGE_LENGTH]

    def row(self, record: logging.LogRecord) -> Row:
        return {
            **super().row(record),
            "app_name": APP_NAME,
            "namespace": settings.TESTBED_NAMESPACE or None,
            "execution_id": getattr(record, "execution_id", None),
            "run_id": getattr(record, "run_id", None),
        }

    def store(self, rows: Sequence[Row]) -> Sequence[Row]:
        try:
            AppLog.objects.bulk_create(AppLog(**row) for row in rows)
        except (OperationalError, InterfaceError):
            connection.close()
            return rows
        except Error as error:  # what the database refuses it will refuse again
            print(f"{len(rows)} log records are refused: {error}", file=sys.stderr)
            self.dropped += len(rows)
        finally:
            if self.dropped > self._reported:
                print(f"{self.dropped - self._reported} log records were dropped", file=sys.stderr)
                self._reported = self.dropped
        return ()
