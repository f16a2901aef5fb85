"""How the testbed is at this moment, as it is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from monitor.records.models import RecorderStatus, SystemAgent, WorkflowExecution
from monitor.records.queries.agents import RETIRED, present
from monitor.records.queries.executions import running
from monitor.records.queries.messages import open_letters
from swf_common.protocol.states import OperationalState

LATELY = timedelta(minutes=10)


@dataclass(frozen=True)
class Snapshot:
    """What a verdict follows from.

    :param recorder: what the recorder says of itself; None: it has never been at work
    :param agents: those that have not ended, by program
    :param lost: programs of which an agent has died lately and no other is there
    :param running: executions that run
    :param dead_letters: messages that no agent could handle, still open
    """

    now: datetime
    broker_connected: bool
    recorder: RecorderStatus | None
    agents: Sequence[SystemAgent] = ()
    lost: Sequence[str] = ()
    running: Sequence[WorkflowExecution] = ()
    dead_letters: int = 0


def snapshot(now: datetime, *, broker_connected: bool) -> Snapshot:
    """The testbed of this monitor's namespace."""
    here = settings.TESTBED_NAMESPACE
    agents = list(present(namespace=here).order_by("program", "id"))
    retired = SystemAgent.objects.filter(
        namespace=here,
        operational_state=OperationalState.EXITED,
        description=RETIRED,
        updated_at__gte=now - LATELY,
    )
    silenced = {program for program in retired.values_list("program", flat=True) if program}
    return Snapshot(
        now=now,
        broker_connected=broker_connected,
        recorder=RecorderStatus.objects.first(),
        agents=agents,
        lost=sorted(silenced - {agent.program for agent in agents}),
        running=list(running(namespace=here)),
        dead_letters=open_letters().count(),
    )
