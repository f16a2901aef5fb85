"""Sends heartbeats: each change of state at once, and one every few seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from swf_common.protocol.heartbeat import Heartbeat
from swf_common.protocol.states import OperationalState
from swf_common.service.monitor_client import MonitorClient, MonitorRefused, MonitorUnavailable
from swf_common.service.state_file import StateFile

log = logging.getLogger(__name__)

RETRY_S = 0.25


class Reporter:
    """Sends heartbeats from a thread of its own.

    The state file says READY or PROCESSING only once the monitor has accepted a heartbeat with
    such a state: ready means proved.

    :param compose: makes the heartbeat of the moment
    :param interval: seconds between periodic heartbeats
    """

    def __init__(
        self,
        monitor: MonitorClient,
        compose: Callable[[], Heartbeat],
        state_file: StateFile,
        interval: float,
    ) -> None:
        self._monitor = monitor
        self._compose = compose
        self._state_file = state_file
        self._interval = interval
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._accepted = OperationalState.STARTING
        self._refusal = ""
        self._accepted_at = time.monotonic()
        self._longest_s = 0.0
        self._thread = threading.Thread(target=self._report, name="reporter", daemon=True)

    def start(self) -> None:
        """Begin to report."""
        self._state_file.write(OperationalState.STARTING)
        self._thread.start()

    @property
    def longest_silence_s(self) -> float:
        """Seconds of the longest time without an accepted heartbeat, the present one included."""
        return max(self._longest_s, time.monotonic() - self._accepted_at)

    def forget_silence(self) -> None:
        """Start to measure the longest silence again."""
        self._longest_s = 0.0

    def changed(self) -> None:
        """The agent's state is another one: report it at once."""
        self._wake.set()

    def stop(self, timeout: float) -> None:
        """Report the state of the moment one last time, within `timeout` seconds."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout)
        self._state_file.write(OperationalState.EXITED)

    def _report(self) -> None:
        while True:
            last = self._stopped.is_set()
            self._wake.clear()
            try:
                accepted = self._beat()
            except Exception:
                log.exception("the heartbeat could not be made")
                accepted = False
            if last:
                return
            pause = self._interval if accepted else RETRY_S
            self._wake.wait(pause)
            if not accepted:
                time.sleep(RETRY_S / 5)

    def _beat(self) -> bool:
        """Send one heartbeat; whether the monitor accepted it."""
        beat = self._compose()
        try:
            self._monitor.once(
                "POST", "systemagents/heartbeat/", beat.model_dump(exclude_none=True, mode="json")
            )
        except MonitorUnavailable:
            accepted = False
        except MonitorRefused as error:
            accepted = False
            if str(error) != self._refusal:
                self._refusal = str(error)
                log.error("the monitor refuses the heartbeat: %s", error)
        else:
            accepted = True
            self._longest_s = self.longest_silence_s
            self._accepted_at = time.monotonic()
            self._accepted = beat.operational_state or OperationalState.STARTING
        self._state_file.write(self._accepted)
        return accepted
