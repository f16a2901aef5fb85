"""Ending what nobody looks after any more: silent agents, workers that are gone, orphaned
executions, open runs.
"""

from __future__ import annotations

import http.client
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from monitor.records.models import SystemAgent, WorkflowExecution, WorkflowMessage
from monitor.records.models.workflows import FINAL_STATUSES
from monitor.records.queries.agents import RETIRED, present
from swf_common.broker.publisher import Publisher
from swf_common.protocol.destinations import EPICTOPIC, RECORDER
from swf_common.protocol.heartbeat import DEFAULT_INTERVAL, STALE_AFTER_INTERVALS
from swf_common.protocol.json_values import as_object
from swf_common.protocol.messages import EndRun, execution_message_id
from swf_common.protocol.states import (
    AgentStatus,
    DaqState,
    DaqSubstate,
    EndReason,
    ExecutionStatus,
    OperationalState,
)

log = logging.getLogger(__name__)

TRUST_AFTER_S = 20.0
"""Seconds for which database and monitor must have answered before silence is held against an
agent: while either is away, heartbeats cannot arrive."""

ORPHAN_AFTER_S = 60.0
"""Seconds that an execution's runner may be EXITED before its execution is ended: one that was
only paused, or cut off, comes back within them and goes on."""

LATE_S = 6.0
"""Seconds from one pass to the next that show that this process was itself asleep. Beside a broker
that does not answer they are four: the interval, and the wait for that answer."""

THOROUGH_S = 5.0
"""Seconds between two looks for lost workers, orphaned executions and open runs: a few seconds more
harm nobody there. When an agent was retired, the look follows at once."""

OPEN_RUN_AFTER_S = 3.0
"""Seconds after its execution's end that a run may lack its recorded `end_run`: the runner's own
is confirmed before it closes the execution."""


class SleepAlarm:
    """Notices that this process did not run for a while: it was paused, or its host suspended.

    A suspended host stops the monotonic clock and not the wall clock; a paused process finds both
    ahead of what it expects.
    """

    def __init__(
        self,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clocks = (wall_clock, clock)
        self._last = tuple(clock() for clock in self._clocks)

    def slept_s(self) -> float:
        """Seconds since the last call, by the clock that went further."""
        now = tuple(clock() for clock in self._clocks)
        passed = max(after - before for before, after in zip(self._last, now, strict=True))
        self._last = now
        return passed


class Reaper:
    """One pass every two seconds over what should have ended.

    :param publisher: sends the `end_run` of a run that its runner could not close
    :param caught_up: whether what the broker has is recorded: only then is a run known to be open
    """

    def __init__(self, namespace: str, publisher: Publisher, caught_up: Callable[[], bool]) -> None:
        self._namespace = namespace
        self._publisher = publisher
        self._caught_up = caught_up
        self._closed: dict[str, datetime] = {}
        self._trusted_from = time.monotonic() + TRUST_AFTER_S
        self._thorough_due = 0.0
        self._alarm = SleepAlarm()

    def suspend(self) -> None:
        """Judge nobody for a while: heartbeats may have been unable to arrive."""
        self._trusted_from = time.monotonic() + TRUST_AFTER_S

    def run(self) -> None:
        """One pass.

        :raises django.db.Error: the database is away
        """
        if self._alarm.slept_s() > LATE_S or not _monitor_answers():
            self.suspend()
        connection.ensure_connection()
        if time.monotonic() < self._trusted_from:
            return
        retired = self._try(retire_silent_agents)  # it may have been a runner or a worker
        if not retired and time.monotonic() < self._thorough_due:
            return
        self._thorough_due = time.monotonic() + THOROUGH_S
        for step in (end_lost_workers, end_orphaned_executions, self._close_open_runs):
            self._try(step)

    def _try(self, step: Callable[[], object]) -> object:
        try:
            return step()
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # one odd row must not stop the recorder
            log.exception("a sweep failed")
            return None

    def _close_open_runs(self) -> None:
        """Send `end_run` for executions that ended while their run stayed open."""
        if not self._caught_up():
            return
        horizon = timezone.now() - timedelta(seconds=OPEN_RUN_AFTER_S)
        recent = timezone.now() - timedelta(hours=1)
        ended = WorkflowExecution.objects.filter(
            namespace=self._namespace,
            status__in=FINAL_STATUSES,
            end_time__lt=horizon,
            end_time__gt=recent,
            run_number__isnull=False,
        )
        self._closed = still_asked_for(self._closed, recent)
        for execution in ended.exclude(execution_id__in=list(self._closed)):
            if _is_contradicted(execution):
                continue  # its runner is back, and closes the run itself
            kinds = set(
                WorkflowMessage.objects.filter(
                    execution_id=execution.execution_id,
                    message_type__in=("run_imminent", "end_run"),
                ).values_list("message_type", flat=True)
            )
            if kinds == {"run_imminent"}:
                log.warning("run %s was left open; closing it", execution.run_number)
                note(execution, run_closed_by=RECORDER)
                self._publisher.publish(EPICTOPIC, end_run_of(execution))
            self._closed[execution.execution_id] = execution.end_time or recent


def still_asked_for(closed: Mapping[str, datetime], since: datetime) -> dict[str, datetime]:
    """The executions, with their ends, that have ended since a moment."""
    return {name: ended for name, ended in closed.items() if ended > since}


def end_run_of(execution: WorkflowExecution) -> EndRun:
    """The `end_run` that the runner of an execution did not send; always with the same id."""
    generated = WorkflowMessage.objects.filter(
        execution_id=execution.execution_id, message_type="stf_gen"
    ).order_by("id")
    last = generated.last()
    tick = last.message_content.get("simulation_tick") if last else 0
    known_tick = isinstance(tick, int | float) and tick >= 0
    return EndRun(
        message_id=execution_message_id(execution.execution_id, "end_run"),
        namespace=execution.namespace,
        sender="recorder",
        execution_id=execution.execution_id,
        run_id=str(execution.run_number),
        state=DaqState.BEAM,
        substate=DaqSubstate.NOT_READY,
        simulation_tick=tick if known_tick else 0,
        total_stf_files=generated.count(),
        reason=EndReason.FAILED,
    )


def retire_silent_agents() -> list[str]:
    """Set agents that were silent for `STALE_AFTER_INTERVALS` of their own intervals to EXITED."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE swf_systemagent
            SET operational_state = %s, status = %s, updated_at = now(), description = %s
            WHERE operational_state <> %s AND last_heartbeat <
                now() - %s * COALESCE(heartbeat_interval, %s) * interval '1 second'
            RETURNING instance_name
            """,
            [
                OperationalState.EXITED,
                AgentStatus.EXITED,
                RETIRED,
                OperationalState.EXITED,
                STALE_AFTER_INTERVALS,
                DEFAULT_INTERVAL,
            ],
        )
        names = [row[0] for row in cursor.fetchall()]
    for name in names:
        log.warning("%s is silent; it counts as EXITED", name)
    return names


def end_lost_workers() -> list[str]:
    """End the records of workers whose agent is EXITED: one that was killed could not; their ids.

    A worker that was only silent opens its record again with its next change. Records that name
    no agent, as those of the predecessor's workers, are left alone.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE swf_workers SET status = 'lost', current_slice_id = NULL,
                ended_at = COALESCE(
                    GREATEST(agent.last_heartbeat, swf_workers.last_heartbeat), now())
            FROM swf_systemagent agent
            WHERE swf_workers.status = 'running' AND ended_at IS NULL
                AND agent.operational_state = %s
                AND agent.instance_name = swf_workers.metadata ->> 'instance_name'
            RETURNING worker_id
            """,
            [OperationalState.EXITED],
        )
        ids = [row[0] for row in cursor.fetchall()]
    for worker_id in ids:
        log.warning("the record of worker %s is ended: its agent is gone", worker_id)
    return ids


def end_orphaned_executions() -> list[str]:
    """End executions whose runner has been EXITED for `ORPHAN_AFTER_S` seconds; their ids.

    `updated_at` is when the agent became EXITED: nothing changes its row afterwards.
    """
    gone = SystemAgent.objects.filter(
        operational_state=OperationalState.EXITED,
        updated_at__lt=timezone.now() - timedelta(seconds=ORPHAN_AFTER_S),
    ).values("instance_name")
    orphans = WorkflowExecution.objects.filter(
        status__in=[ExecutionStatus.RUNNING, ExecutionStatus.PENDING], runner_instance__in=gone
    )
    ended = []
    for execution in orphans:
        reason = (
            f"its workflow-runner {execution.runner_instance} is gone: it did not come back "
            f"within {ORPHAN_AFTER_S:.0f} s"
        )
        with transaction.atomic():
            updated = WorkflowExecution.objects.filter(
                execution_id=execution.execution_id, status=execution.status
            ).update(status=ExecutionStatus.FAILED, end_time=timezone.now(), reason=reason)
            if updated:
                note(execution, ended_by=RECORDER)
        if updated:
            log.warning("%s is ended: %s", execution.execution_id, reason)
            ended.append(execution.execution_id)
    return ended


def note(execution: WorkflowExecution, **facts: str) -> None:
    """Add facts to the metrics of an execution: who ended it, who closed its run."""
    with transaction.atomic():
        row = WorkflowExecution.objects.select_for_update().get(pk=execution.pk)
        row.performance_metrics = {**as_object(row.performance_metrics), **facts}
        row.save(update_fields=["performance_metrics"])


def _is_contradicted(execution: WorkflowExecution) -> bool:
    """Whether the recorder ended an execution whose runner is heard of again and works on it."""
    if as_object(execution.performance_metrics).get("ended_by") != RECORDER:
        return False
    named = {
        "instance_name": execution.runner_instance,
        "metadata__execution_id": execution.execution_id,
    }
    return present(**named).exists()


def _monitor_answers() -> bool:
    """Whether the monitor, through which heartbeats come, is up."""
    address = urlsplit(settings.TESTBED_MONITOR_URL)
    http_connection = http.client.HTTPConnection(
        address.hostname or "monitor", address.port or 80, timeout=2
    )
    try:
        http_connection.request("GET", "/healthz")
        return http_connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        http_connection.close()
