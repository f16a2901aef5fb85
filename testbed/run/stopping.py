"""Stopping an execution, and waiting for its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from swf_common.errors import ExitCode, TestbedError
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import MonitorRefused

POLL_S = 0.25
STOP_TIMEOUT_S = 30.0


class StillRunning(TestbedError):
    """{execution_id} was asked to stop and is still {status} after {seconds:.0f} s."""

    hint = "See: testbed status, testbed logs workflow-runner"
    exit_code = ExitCode.WORKFLOW_FAILED


def stop_execution(
    monitor: Monitor,
    execution_id: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Stop an execution and wait for its end; its final status.

    :raises StillRunning: it does not end within `STOP_TIMEOUT_S` seconds
    """
    try:
        monitor.stop_workflow(execution_id)
    except MonitorRefused as error:
        if error.status != 409:  # else it has ended meanwhile
            raise
    end = clock() + STOP_TIMEOUT_S
    while True:
        progress = monitor.progress(execution_id)
        if progress.status.final:
            return progress.status
        if clock() > end:
            raise StillRunning(
                execution_id=execution_id, status=progress.status, seconds=STOP_TIMEOUT_S
            )
        sleep(POLL_S)
