"""`python -m monitor recorder`: write what goes over the broker into the database."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management import BaseCommand

from monitor.access.own_logs import DatabaseLogHandler
from monitor.recorder.service import Recorder


class Command(BaseCommand):
    """Runs until SIGTERM or SIGINT."""

    help = "Record broker traffic, retire silent agents, end orphaned executions."

    requires_system_checks = ()  # they load all pages and the REST interface: 11 MB

    def handle(self, *args: Any, **options: Any) -> None:
        signals = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        DatabaseLogHandler("recorder").start()
        recorder = Recorder()
        recorder.start()
        while not signal.sigtimedwait(signals, 0.5):
            recorder.check()
        recorder.stop()
