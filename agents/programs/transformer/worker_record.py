"""The record of a worker at the monitor: one a run."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from swf_common.protocol.message import utc_now
from swf_common.protocol.slices import SliceContent
from swf_common.service.monitor_client import MonitorClient, MonitorRefused, MonitorUnavailable

log = logging.getLogger(__name__)

WRITE_EVERY_S = 5.0
"""Seconds between two changes of a record; what happens meanwhile goes with the next one."""
COUNT_AFTER_S = 2.0
"""Seconds after which a slice that was processed after the end of its run is counted."""


class WorkerRecord:
    """What a worker does for one run. A monitor that is away does not hold the work up: the
    record is behind then, and catches up with its next change.

    :param monitor: a session of its own: slices that come after the end of the run are counted
        from another thread, many at once
    :param instance_name: the worker's
    :param location: where it runs, a host or a container
    """

    def __init__(
        self, monitor: MonitorClient, instance_name: str, location: str, execution_id: str, run: str
    ) -> None:
        self.run_id = run
        self.worker_id = f"{instance_name}-{run}"
        self._monitor = monitor
        self._facts: dict[str, Any] = {
            "status": "running",
            "slices_completed": 0,
            "current_slice_id": None,
            "tf_filename": None,
        }
        self._first: dict[str, Any] | None = {
            "worker_id": self.worker_id,
            "run_number": int(run),
            "location": location,
            "started_at": utc_now().isoformat(),
            "metadata": {"execution_id": execution_id, "instance_name": instance_name},
        }
        self._ended = False
        self._written = 0.0
        self._count: threading.Timer | None = None
        self._writing = threading.Lock()

    @property
    def slices_completed(self) -> int:
        """How many slices of the run this worker has processed."""
        return int(self._facts["slices_completed"])

    def begin(self, content: SliceContent) -> None:
        """The worker takes a slice."""
        self._facts["current_slice_id"] = content.slice_id
        self._facts["tf_filename"] = content.sample_filename
        if self._first is not None or time.monotonic() - self._written >= WRITE_EVERY_S:
            self._write()

    def complete(self, slices: int) -> None:
        """The worker has processed so many more slices."""
        self._facts["slices_completed"] += slices
        if slices and self._ended and self._count is None:
            self._count = threading.Timer(COUNT_AFTER_S, self._count_late)
            self._count.daemon = True
            self._count.start()

    def end(self) -> None:
        """The run is over, or the worker stops. Slices may still come when the run is over; then
        the end is that of the last one.
        """
        self._ended = True
        if self._first is None:
            self._write()

    def _count_late(self) -> None:
        self._count = None
        self._write()

    def _write(self) -> None:
        with self._writing:
            self._send()

    def _send(self) -> None:
        now = utc_now().isoformat()
        # the recorder ends the record of a worker that was silent for long
        facts = {**self._facts, "last_heartbeat": now, "ended_at": None}
        if self._ended:
            facts.update(status="ended", ended_at=now, current_slice_id=None)
        self._written = time.monotonic()
        try:
            if self._first is not None:
                self._monitor.once("POST", "workers/", {**self._first, **facts})
                self._first = None
            else:
                self._monitor.once("PATCH", f"workers/{self.worker_id}/", facts)
        except MonitorUnavailable as error:
            log.warning("the record of this worker is behind: %s", error)
        except MonitorRefused as error:
            self._first = None
            log.error("the record of this worker was refused: %s", error)
